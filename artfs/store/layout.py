"""The directories of a store and its `format.json`: made once, checked at every open."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from artfs.chunks.chunker import ChunkParams
from artfs.errors import IntegrityError, StorageError, StoreError, StoreFormatError, StoreNotFoundError
from artfs.files import sync_directory
from artfs.store.reserve import RESERVE, hold_back

__all__ = ["FORMAT_VERSION", "Layout", "StoreFormat", "create_layout", "read_layout"]

FORMAT_VERSION = 1
_DRAFT = ".format.json.new"
_ID = re.compile(r"[0-9a-f]{32}")
_DIRECTORIES = ("packs", "journal", "index", "drafts", "runs", "readers", "tmp", "logs")


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """What `format.json` says.

    Attributes:
        version: The on-disk format; another one is refused.
        store_id: Names this store, 32 hex digits.
        chunker: How files are cut, fixed for the store's life.
    """

    version: int
    store_id: str
    chunker: ChunkParams


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in a store."""

    root: Path
    format: StoreFormat

    @property
    def packs(self) -> Path:
        """Pack files, fanned out by the first byte of their id."""
        return self.root / "packs"

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
        """Open drafts (`artfs.vfs.draft.home`)."""
        return self.root / "drafts"

    @property
    def readers(self) -> Path:
        """Who reads which version now (`artfs.store.readers`)."""
        return self.root / "readers"

    @property
    def runs(self) -> Path:
        """What runs do, until it is in the catalog (`artfs.lineage`)."""
        return self.root / "runs"

    @property
    def tmp(self) -> Path:
        """What unfinished writers leave behind is found here, and only here."""
        return self.root / "tmp"

    @property
    def quarantine(self) -> Path:
        """Damaged packs that were set aside, if there ever were any (`artfs.store.fsck.quarantine`)."""
        return self.root / "quarantine"

    @property
    def logs(self) -> Path:
        """Logs of the mounts."""
        return self.root / "logs"


def create_layout(root: Path, make_index: Callable[[Layout], None]) -> Layout:
    """Make a store in a new or empty directory, or finish one whose making was interrupted; an existing one is kept.

    Of several processes at it, one makes the store while the others wait; `format.json` comes last, so whoever sees it
    sees a whole store.

    Args:
        root: The store's directory.
        make_index: Makes the empty index of the new store.

    Raises:
        StoreError: The directory holds something else.
        StorageError: The file system refused.
    """
    try:
        new = list(takewhile(lambda path: not path.exists(), (root, *root.parents)))
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(root) as directory:
            if not (root / "format.json").exists():
                _make(root, make_index)
                os.fsync(directory)
        for path in new:
            with suppress(PermissionError):  # whoever may write to a directory need not be allowed to read it
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


def _make(root: Path, make_index: Callable[[Layout], None]) -> None:
    foreign = sorted(set(os.listdir(root)) - {*_DIRECTORIES, "lost+found", _DRAFT, RESERVE})
    if foreign:
        raise StoreError(
            f"{root} is not an artfs store and holds other files ({foreign[0]!r}): choose a new or empty directory"
        )
    os.chmod(root, 0o700)
    hold_back(root)
    for name in _DIRECTORIES:
        (root / name).mkdir(exist_ok=True, mode=0o700)
    shutil.rmtree(root / "index")  # of a making that was interrupted: no store ever used it
    (root / "index").mkdir(mode=0o700)
    layout = Layout(root, StoreFormat(FORMAT_VERSION, secrets.token_hex(16), ChunkParams()))
    make_index(layout)
    with open(root / _DRAFT, "w") as file:
        file.write(_format_text(layout.format))
        file.flush()
        os.fsync(file.fileno())
    os.rename(root / _DRAFT, root / "format.json")


def _format_text(format_: StoreFormat) -> str:
    values = {
        "artfs": "store",
        "version": format_.version,
        "id": format_.store_id,
        "chunker": asdict(format_.chunker),
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
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if root.is_dir():
            message = f"{root} is not an artfs store: name one with --store, or make one with `artfs init`"
        else:
            message = f"there is no store at {root}: make one with `artfs init`, or name another with --store"
        raise StoreNotFoundError(message) from None
    except OSError as error:
        raise StorageError.of(error, f"reading {path}") from error
    return Layout(root, _parse_format(path, text))


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
        store_id, chunker = values["id"], values["chunker"]
        if not _ID.fullmatch(store_id) or any(type(value) is not int for value in chunker.values()):
            raise IntegrityError(damaged)
        return StoreFormat(version, store_id, ChunkParams(**chunker))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(damaged) from error
