"""The directories of a store and its `format.json`: made once, checked at every open."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from artfs.chunks.chunker import ChunkParams
from artfs.chunks.pack_storage import LocalPackStorage, PackStorage
from artfs.errors import IntegrityError, StorageError, StoreError, StoreFormatError, StoreNotFoundError
from artfs.files import sync_directory
from artfs.files.ballast import Ballast
from artfs.files.store_files import (
    DIRECTORY_MODE,
    GROUP_DIRECTORY_MODE,
    make_directory,
    open_file,
    remove_tree,
    rename,
)

__all__ = ["FORMAT_VERSION", "Layout", "StoreFormat", "create_layout", "read_layout"]

FORMAT_VERSION = 1
_NEW_FORMAT = ".format.json.new"
_BALLAST = "reserve"
_ID = re.compile(r"[0-9a-f]{32}")
_DIRECTORIES = ("packs", "journal", "index", "drafts", "runs", "steps", "readers", "tmp", "logs")


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """The contents of `format.json`.

    Attributes:
        version: The on-disk format; another one is refused.
        store_id: Names this store, 32 hex digits.
        chunker: Parameters of chunking, fixed for the store's life.
        shared: All of a group work on it: what is made in it has the rights of the group.
    """

    version: int
    store_id: str
    chunker: ChunkParams
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The directories of a store, and the storage of its packs.

    Attributes:
        root: The store's directory.
        format: Its `format.json`.
        packs: Storage of its packs.
    """

    root: Path
    format: StoreFormat
    packs: PackStorage

    @property
    def journal(self) -> Path:
        """Journal segments."""
        return self.root / "journal"

    @property
    def index(self) -> Path:
        """The LMDB environment."""
        return self.root / "index"

    @property
    def drafts(self) -> Path:
        """Open drafts (`artfs.drafts.registry`)."""
        return self.root / "drafts"

    @property
    def readers(self) -> Path:
        """Leases of running readers (`artfs.store.reader_leases`)."""
        return self.root / "readers"

    @property
    def runs(self) -> Path:
        """Activity of runs, until it is in the catalog (`artfs.lineage`)."""
        return self.root / "runs"

    @property
    def steps(self) -> Path:
        """Histories of runs (`artfs.lineage.step_files`); an older store has none before the first."""
        return self.root / "steps"

    @property
    def tmp(self) -> Path:
        """Unfinished files of writers, which are nowhere else."""
        return self.root / "tmp"

    @property
    def ballast(self) -> Ballast:
        """Disk space for deletions on a full disk."""
        return Ballast(self.root / _BALLAST, spare=True)

    @property
    def logs(self) -> Path:
        """Logs of the mounts."""
        return self.root / "logs"


def create_layout(root: Path, make_index: Callable[[Layout], None], *, shared: bool = False) -> Layout:
    """Make a store in a new or empty directory, or complete one that is unfinished; keep an existing one.

    Of several processes, one makes the store while the others wait. `format.json` comes last: a process that sees it
    sees a whole store.

    Args:
        root: The store's directory.
        make_index: Makes the empty index of the new store.
        shared: All of a group work on the new store: the group of the directory, or this process's.

    Raises:
        StoreError: The directory holds something else.
        StorageError: The file system refused.
    """
    try:
        new = list(takewhile(lambda path: not path.exists(), (root, *root.parents)))
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(root) as directory:
            if not (root / "format.json").exists():
                _make(root, make_index, shared=shared)
                os.fsync(directory)
        for path in new:
            with suppress(PermissionError):  # a user who may write to a directory need not be allowed to read it
                sync_directory(path.parent)
    except FileExistsError as error:
        raise StoreError(f"{error.filename or root} is not a directory: choose another place for the store") from error
    except OSError as error:
        raise StorageError.of(error, f"making the store {root}") from error
    return read_layout(root)


@contextmanager
def _locked(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _make(root: Path, make_index: Callable[[Layout], None], *, shared: bool) -> None:
    foreign = sorted(set(os.listdir(root)) - {*_DIRECTORIES, "lost+found", _NEW_FORMAT, _BALLAST})
    if foreign:
        raise StoreError(
            f"{root} is not an artfs store and holds other files ({foreign[0]!r}): choose a new or empty directory"
        )
    mode = GROUP_DIRECTORY_MODE if shared else DIRECTORY_MODE
    if stat.S_IMODE(root.stat().st_mode) != mode:  # it may be another user's, who made it for the group
        os.chmod(root, mode)
    Ballast(root / _BALLAST, spare=True).allocate()
    for name in _DIRECTORIES:
        make_directory(root / name, exist_ok=True)
    remove_tree(root / "index")  # left by an interrupted create: no store ever used it
    make_directory(root / "index")
    layout = _local_layout(root, StoreFormat(FORMAT_VERSION, secrets.token_hex(16), ChunkParams(), shared))
    make_index(layout)
    new = open_file(root / _NEW_FORMAT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with open(new, "w") as file:
        file.write(_format_text(layout.format))
        file.flush()
        os.fsync(file.fileno())
    rename(root / _NEW_FORMAT, root / "format.json")


def _local_layout(root: Path, format_: StoreFormat) -> Layout:
    return Layout(root, format_, LocalPackStorage(root))


def _format_text(format_: StoreFormat) -> str:
    values = {
        "artfs": "store",
        "version": format_.version,
        "id": format_.store_id,
        "chunker": asdict(format_.chunker),
        **({"shared": True} if format_.shared else {}),
    }
    return json.dumps(values, indent=2) + "\n"


def read_layout(root: Path) -> Layout:
    """Open an existing store's layout.

    Raises:
        StoreNotFoundError: There is no store.
        StoreFormatError: It is of a format that this artfs does not know.
        IntegrityError: `format.json` is damaged.
        StorageError: It cannot be read.
    """
    path = root / "format.json"
    try:
        with open(open_file(path, os.O_RDONLY), "rb") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        if root.exists() and not root.is_dir():
            message = (
                f"{root} is a file, and a store is a directory: name one with --store, or make one with `artfs init`"
            )
        elif root.is_dir():
            message = f"{root} is not an artfs store: name one with --store, or make one with `artfs init`"
        else:
            message = f"there is no store at {root}: make one with `artfs init`, or name another with --store"
        raise StoreNotFoundError(message) from None
    except OSError as error:
        raise StorageError.of(error, f"reading {path}") from error
    layout = _local_layout(root, _parse_format(path, text))
    _refuse_symlinks(layout)
    return layout


def _refuse_symlinks(layout: Layout) -> None:
    """Refuse a store with a symlink in the place of one of its directories: none is ever followed."""
    for name in _DIRECTORIES:
        path = layout.root / name
        if path.is_symlink():
            raise StoreError(
                f"{path} is a symlink, which is not followed in a store: put the directory there, or bind-mount it"
            )


def _parse_format(path: Path, text: bytes) -> StoreFormat:
    damaged = f"{path} is damaged: restore it from a backup, or from another store's with the same chunker settings"
    try:
        values: dict[str, Any] = json.loads(text)
        version = values["version"]
        if values["artfs"] != "store" or type(version) is not int:
            raise IntegrityError(damaged)
        if version != FORMAT_VERSION:
            raise StoreFormatError(
                f"{path.parent} is of store format {version}, and this artfs knows {FORMAT_VERSION}: upgrade artfs"
            )
        store_id, chunker, shared = values["id"], values["chunker"], values.get("shared", False)
        if (
            not _ID.fullmatch(store_id)
            or type(shared) is not bool
            or any(type(value) is not int for value in chunker.values())
        ):
            raise IntegrityError(damaged)
        return StoreFormat(version, store_id, ChunkParams(**chunker), shared)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(damaged) from error
