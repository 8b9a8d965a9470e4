"""The directories of a store and its `format.json`: made once, checked at every open."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from artfs.chunks.chunker import ChunkParams
from artfs.errors import IntegrityError, StorageError, StoreError, StoreFormatError, StoreNotFoundError

__all__ = ["FORMAT_VERSION", "Layout", "StoreFormat", "create_layout", "read_layout"]

FORMAT_VERSION = 1
_DIRECTORIES = ("packs", "journal", "index", "drafts", "runs", "tmp", "logs")


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
    def tmp(self) -> Path:
        """What unfinished writers leave behind is found here, and only here."""
        return self.root / "tmp"

    @property
    def logs(self) -> Path:
        """Logs of the mounts."""
        return self.root / "logs"


def create_layout(root: Path) -> Layout:
    """Make a store in a new or empty directory, or finish one whose making was interrupted; an existing one is kept.

    Raises:
        StoreError: The directory holds something else.
        StorageError: The file system refused.
    """
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (root / "format.json").exists():
            return read_layout(root)
        foreign = sorted(set(os.listdir(root)) - {*_DIRECTORIES, "lost+found"} - set(_leftovers(root)))
        if foreign:
            raise StoreError(
                f"{root} is not an artfs store and holds other files ({foreign[0]!r}): choose a new or empty directory"
            )
        os.chmod(root, 0o700)
        for name in _DIRECTORIES:
            (root / name).mkdir(exist_ok=True, mode=0o700)
        _write_format(root)
    except FileExistsError as error:
        raise StoreError(f"{error.filename or root} is not a directory: choose another place for the store") from error
    except OSError as error:
        raise StorageError.of(error, f"making the store {root}") from error
    return read_layout(root)


def _leftovers(root: Path) -> list[str]:
    return [name for name in os.listdir(root) if name.startswith(".format.json.")]


def _write_format(root: Path) -> None:
    """Publish `format.json` whole and last, once: of two processes at it, the first wins."""
    text = json.dumps(
        {"artfs": "store", "version": FORMAT_VERSION, "id": secrets.token_hex(16), "chunker": asdict(ChunkParams())},
        indent=2,
    )
    draft = root / f".format.json.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, root / "format.json")
    except FileExistsError:
        pass  # another process made the store at the same moment: theirs counts
    finally:
        draft.unlink()
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


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
        if values["artfs"] != "store" or not isinstance(version, int):
            raise IntegrityError(damaged)
        if version != FORMAT_VERSION:
            raise StoreFormatError(
                f"{path.parent} is of store format {version}, and this artfs knows {FORMAT_VERSION}: upgrade artfs"
            )
        return StoreFormat(version, str(values["id"]), ChunkParams(**values["chunker"]))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(damaged) from error
