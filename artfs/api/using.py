"""Using a logged artifact: its entries, opened or written out, and how it differs from a directory or a version."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import IO, Any

from artfs.api import logged
from artfs.api.entry import ManifestEntry
from artfs.api.guard import logged_only
from artfs.api.state import ArtifactState
from artfs.errors import InvalidInputError
from artfs.store.tree.diff import Difference

__all__ = ["Using"]


class Using(ArtifactState):
    """The part of `Artifact` that reads a version."""

    @logged_only
    def get_entry(self, name: str | PurePath) -> ManifestEntry:
        """The entry at a path.

        Args:
            name: The path, `/`-separated.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            KeyError: There is none.
        """
        return self.manifest.entries[name.as_posix() if isinstance(name, PurePath) else name]

    @logged_only
    def files(self, names: Iterable[str] | None = None) -> Iterator[ManifestEntry]:
        """All entries, or those named.

        Args:
            names: Their paths; None: all.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            KeyError: One of those named is not there.
        """
        entries = self.manifest.entries
        return iter(entries.values()) if names is None else (entries[name] for name in list(names))

    @logged_only
    def file(self, root: str | os.PathLike[str] | None = None) -> str:
        """Write out the one file that the artifact has.

        Args:
            root: Where to; as for `download`.

        Returns:
            Where it is.

        Raises:
            ArtifactNotLoggedError: It is a draft.
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
            ArtifactNotLoggedError: It is a draft.
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
        """Write the contents out as ordinary files; those that are there with the right contents are kept.

        Args:
            root: Where to; `./artifacts/NAME:vN` by default.
            allow_missing_references: Leave out references whose source is gone, or of a scheme that artfs cannot read.
            skip_cache: Without effect: there is no cache.
            path_prefix: Only entries whose path begins so.
            multipart: Without effect: files are read from the store, in ranges.

        Returns:
            The directory.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            IntegrityError: Stored bytes are damaged.
            UnsafeTargetError: A symlink leads outside.
            ReferenceGoneError: The source of a reference is gone (a FileNotFoundError too).
            ReferenceChangedError: It has other contents.
            ReferenceUnreadableError: artfs cannot read its scheme.
            StorageError: The file system refused.
        """
        del skip_cache, multipart
        target = root or logged.default_root(self.name)
        return logged.download(self._live(), self.row, target, path_prefix or "", allow_missing_references)

    @property
    @logged_only
    def path(self) -> Path:
        """A directory with the contents: the mounted one where a mount serves the store, else a verified download.

        The download goes to `./artifacts/NAME:vN`.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            SourceError: Of a download: what a reference is to is gone, has changed or cannot be read.
            IntegrityError: Of a download: stored bytes are damaged.
            StorageError: The file system refused.
        """
        return logged.mounted(self._live(), str(self._ref)) or Path(self.download())

    @logged_only
    def checkout(self, root: str | os.PathLike[str] | None = None) -> str:
        """Make a directory equal to the version: what the version has not is deleted from it.

        Args:
            root: The directory; `./artifacts/NAME` by default.

        Returns:
            The directory.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            UnsafeTargetError: The directory holds the store, or a symlink leads outside.
            SourceError: What a reference is to is gone, has changed or cannot be read.
            IntegrityError: Stored bytes are damaged.
            StorageError: The file system refused.
        """
        return logged.checkout(self._live(), self.row, root or logged.default_root(self._base_name))

    @logged_only
    def verify(self, root: str | os.PathLike[str] | None = None) -> None:
        """Compare a directory with the version.

        Args:
            root: The directory; `./artifacts/NAME:vN` by default.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            InvalidInputError: Something is missing, too much, or has other contents.
        """
        logged.verify(self._live(), self.row, root or logged.default_root(self.name))

    @logged_only
    def diff(self, other: ArtifactState) -> list[Difference]:
        """What changed from this version to another, in time that grows with the changes.

        Args:
            other: The other one; of the same store.

        Returns:
            The differences by path: `what` is `added`, `removed` or `modified`.

        Raises:
            ArtifactNotLoggedError: One of them is a draft.
        """
        return list(self._live().diff(self.row, other.row))
