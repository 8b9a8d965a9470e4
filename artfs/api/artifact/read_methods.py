"""The methods of `Artifact` that read a logged version: entries, downloads, comparisons."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePath
from typing import IO, Any

from artfs.api.artifact.base import ArtifactBase, logged_only
from artfs.api.artifact.inputs import tidied
from artfs.api.artifact.manifest_entry import ManifestEntry, default_root
from artfs.errors import InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.mountinfo import mounts_of
from artfs.names import quoted
from artfs.store.read.extract import extract
from artfs.store.read.local_copy import differences, prune
from artfs.store.read.symlinks import directory_through_links
from artfs.store.store import root_entry
from artfs.store.tree.diff import Difference

__all__ = ["ReadMethods"]

_SHOWN = 5


class ReadMethods(ArtifactBase):
    """The part of `Artifact` that reads a logged version."""

    def get_entry(self, name: str | PurePath) -> ManifestEntry:
        """The entry at a path; of an unlogged artifact, one that was added.

        Args:
            name: The path, `/`-separated; `./` before it is passed over.

        Raises:
            KeyError: There is none.
        """
        return self.manifest.entries[tidied(name)]

    def get_path(self, name: str | PurePath) -> ManifestEntry:
        """As `get_entry`, for scripts that were written for W&B.

        Args:
            name: The path.

        Raises:
            KeyError: There is none.
        """
        return self.get_entry(name)

    def files(self, names: Iterable[str] | None = None, per_page: int = 50) -> Iterator[ManifestEntry]:
        """All entries, or those named; of an unlogged artifact, those that were added.

        Args:
            names: Their paths; None: all.
            per_page: Without effect.

        Raises:
            KeyError: One of those named is not there.
        """
        del per_page
        entries = self.manifest.entries
        return iter(entries.values()) if names is None else (entries[name] for name in list(names))

    @logged_only
    def file(self, root: str | os.PathLike[str] | None = None) -> str:
        """Write out the one file that the artifact has.

        Args:
            root: The directory to write to; as for `download`.

        Returns:
            The path of the file.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            InvalidInputError: It has several files, or none.
            SourceError: It is a reference, and what it is to is gone, has changed or cannot be read.
            IntegrityError: Stored bytes are damaged.
            StorageError: The file system refused.
        """
        entries = self.manifest.entries
        if len(entries) != 1:
            raise InvalidInputError(f"{self.name} has {len(entries)} files: name one with get_entry(path)")
        return next(iter(entries.values())).download(root)

    @logged_only
    def open(self, path: str | PurePath, mode: str = "rb", encoding: str | None = None) -> IO[Any]:
        """Open a file of the artifact for reading; only what is read is fetched and verified.

        Args:
            path: Of the file in the artifact.
            mode: `rb`, or `r` for text.
            encoding: Of text; UTF-8 by default.

        Returns:
            A file object that can seek.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            KeyError: There is no such file.
            InvalidInputError: The mode is not one for reading.
            IntegrityError: On reading: stored bytes are damaged.
            SourceError: On reading: what a reference is to is gone, has changed or cannot be read.
        """
        return self.get_entry(path).open(mode, encoding)

    @logged_only
    def download(
        self,
        root: str | os.PathLike[str] | None = None,
        allow_missing_references: bool = False,
        skip_cache: bool | None = None,
        path_prefix: str | None = None,
        multipart: bool | None = None,
    ) -> str:
        """Write the contents out as ordinary files; existing files with the right contents are kept.

        Args:
            root: The directory to write to; `./artifacts/[PROJECT/]NAME:vN` by default.
            allow_missing_references: Leave out references whose source is gone, or of a scheme that artfs cannot read.
            skip_cache: Without effect: there is no cache.
            path_prefix: Only entries whose path begins so; its directories may be symlinks within the version.
            multipart: Without effect: files are read from the store, in ranges.

        Returns:
            The directory.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            IntegrityError: Stored bytes are damaged.
            UnsafeTargetError: A symlink leads outside.
            ReferenceGoneError: The source of a reference is gone (a FileNotFoundError too).
            ReferenceChangedError: It has other contents.
            ReferenceUnreadableError: artfs cannot read its scheme.
            StorageError: The file system refused.
        """
        del skip_cache, multipart
        target = Path(os.path.abspath(root or default_root(self.versioned_name)))
        top, place, prefix = root_entry(self.row), target, os.fsencode(path_prefix or "")
        linked = directory_through_links(self.store, self.row, prefix.rpartition(b"/")[0])
        if linked is not None:
            top, prefix = linked, prefix.rpartition(b"/")[2]
            place = target / os.fsdecode(os.fsencode(path_prefix or "").rpartition(b"/")[0])
        select = _begins_with(prefix) if prefix else None
        extract(self.store, top, place, allow_missing_references=allow_missing_references, select=select)
        return str(target)

    @property
    @logged_only
    def path(self) -> Path:
        """A directory with the contents: in a mount that serves the store, else a verified download.

        The download goes to `./artifacts/[PROJECT/]NAME:vN`.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            SourceError: Of a download: what a reference is to is gone, has changed or cannot be read.
            IntegrityError: Of a download: stored bytes are damaged.
            StorageError: The file system refused.
        """
        store = os.path.realpath(self.store.path)
        for mount in mounts_of(Path(store)):
            directory = mount.mountpoint.joinpath(*str(self.version_ref).split(":"))
            if not mount.staging and (mount.pid is not None or not mount.declared) and self._is_shown_at(directory):
                return directory
        return Path(self.download())

    def _is_shown_at(self, directory: Path) -> bool:
        """Return whether a directory of a mount is this version: the mount may be of another store, or be dead."""
        try:
            return os.getxattr(directory, "user.artfs.digest") == self.digest.encode()
        except OSError:
            return False

    @logged_only
    def checkout(self, root: str | os.PathLike[str] | None = None) -> str:
        """Make a directory equal to the version: what the version has not is deleted from it.

        What `.artfsignore` names, there or in the version, is left alone, unless it is in the way.

        Args:
            root: The directory; `./artifacts/[PROJECT/]NAME` by default.

        Returns:
            The directory.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            UnsafeTargetError: The directory holds the store, or a symlink leads outside.
            SourceError: What a reference is to is gone, has changed or cannot be read.
            IntegrityError: Stored bytes are damaged.
            StorageError: The file system refused.
        """
        target = Path(os.path.abspath(root or default_root(self.full_name)))
        prune(self.store, root_entry(self.row), target)
        extract(self.store, root_entry(self.row), target)
        return str(target)

    def verify(self, root: str | os.PathLike[str] | None = None) -> None:
        """Compare a directory with the version; what `.artfsignore` names, there or in the version, is not reported.

        An unlogged artifact is compared as it is so far.

        Args:
            root: The directory; `./artifacts/[PROJECT/]NAME:vN` by default, before it is logged without version.

        Raises:
            InvalidInputError: Something is missing, too much, or has other contents.
        """
        target = Path(os.path.abspath(root or default_root(self.versioned_name)))
        if not target.is_dir():
            raise InvalidInputError(f"{quoted(str(target))} is no directory: download the artifact first")
        top = self.readable_root
        found = [f"{quoted(path)} {what}" for path, what in differences(self.readable_store, top, target)]
        if found:
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            as_it = "as it was added" if self.is_draft() else "as it was logged"
            raise InvalidInputError(f"{quoted(str(target))} is not {as_it}: {', '.join(found[:_SHOWN])}{more}")

    @logged_only
    def diff(self, other: ArtifactBase) -> list[Difference]:
        """The differences from this version to another, found in time that grows with the changes.

        Args:
            other: The other one; of the same store.

        Returns:
            The differences by path: `what` is `added`, `removed` or `modified`.

        Raises:
            ArtifactNotLoggedError: One of them is not logged.
        """
        return list(self.store.diff(self.row, other.row))


def _begins_with(prefix: bytes) -> Callable[[bytes, Entry], bool]:
    """Select the entries whose paths begin so, and the directories above them."""

    def select(path: bytes, entry: Entry) -> bool:
        return path.startswith(prefix) or (entry.kind == Kind.DIRECTORY and prefix.startswith(path + b"/"))

    return select
