"""Filling a draft: files, directories, references, and files that are written straight into it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import IO, Any

from artfs.api.entry import ManifestEntry
from artfs.api.guard import draft_only
from artfs.api.newfile import written
from artfs.api.referring import add_reference
from artfs.api.sources import check_policy, directory_source, entry_path, file_source
from artfs.api.state import ArtifactState
from artfs.errors import InvalidInputError
from artfs.names import quoted

__all__ = ["Filling"]


class Filling(ArtifactState):
    """The part of `Artifact` that adds to a draft, and takes away from it."""

    @draft_only
    def add_file(
        self,
        local_path: str | os.PathLike[str],
        name: str | PurePath | None = None,
        policy: str = "mutable",
        overwrite: bool = False,
        *,
        is_tmp: bool = False,
        skip_cache: bool = False,
    ) -> ManifestEntry:
        """Store a file in the draft, as it is now.

        Args:
            local_path: The file; it may be changed or removed afterwards.
            name: Its path in the artifact; by default the file's own name.
            policy: `mutable` or `immutable`; with both the file is stored at once, and a change meanwhile is noticed.
            overwrite: Replace another file at that path.
            is_tmp: Only False: give the name that the file is to have.
            skip_cache: Without effect: there is no cache, files go straight into the store.

        Returns:
            The entry.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: It is no file, the path has other contents, or `is_tmp` is True.
            SourceChangedError: The file changed while it was read; nothing was added.
            SourceError: It cannot be read.
        """
        del skip_cache
        if is_tmp:
            raise InvalidInputError("is_tmp=True is not there: give the file the name that it is to have")
        file = file_source(local_path, policy)
        path = entry_path(name if name is not None else os.path.basename(os.path.abspath(local_path)))
        self.contents.add_file(path, file, overwrite=overwrite)
        return self._entry(path, self.contents.entries[path])

    @draft_only
    def add_dir(
        self,
        local_path: str | os.PathLike[str],
        name: str | PurePath | None = None,
        ignore: str | Iterable[str] | None = None,
        merge: bool = False,
        policy: str = "mutable",
        *,
        skip_cache: bool = False,
    ) -> None:
        """Store what is in a directory: files, links, modes, empty directories. Files are read on all cores.

        A file that did not change since it was last stored, by its inode, size and times, is not read again.

        Args:
            local_path: The directory.
            name: Where it goes; by default its contents go to the top of the artifact.
            ignore: Patterns of gitignore(5) for what is left out, besides those in its `.artfsignore`.
            merge: Replace files that the draft has with other contents.
            policy: As for `add_file`.
            skip_cache: Read also the files that did not change since they were stored.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: It is no directory, or the draft has one of the files with other contents.
            SourceChangedError: A file changed while it was read; nothing was added.
            SourceError: Something in it cannot be read.
        """
        check_policy(policy)
        prefix = b"" if name is None or str(name) in {"", "."} else entry_path(name)
        began = time.time_ns()
        source = directory_source(local_path, prefix, ignore)
        self.contents.add_tree(prefix, source, began, merge=merge, anew=skip_cache)

    @draft_only
    def add_reference(
        self,
        uri: str | ManifestEntry,
        name: str | PurePath | None = None,
        checksum: bool = True,
        max_objects: int | None = None,
    ) -> list[ManifestEntry]:
        """Refer to what is elsewhere; its bytes are read there when they are needed, and checked.

        Args:
            uri: Of a file or, to refer to all below it, of a directory (`file:///data/images`). Of a scheme that artfs
                does not know the URI alone is kept. Or an entry that is a reference.
            name: Its path in the artifact, or the directory that the references go to.
            checksum: Keep what identifies the contents; for `file:` that reads the files.
            max_objects: How many objects there may be, by default ten million.

        Returns:
            The entries.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: The URI has no scheme or holds credentials; leads to nothing or to too many objects; has
                an unknown scheme and no name was given; or a path has other contents.
            SourceError: Something cannot be read.
        """
        text = uri.ref_target() if isinstance(uri, ManifestEntry) else uri
        path = None if name is None else entry_path(name)
        added = add_reference(self.contents, text, path, checksum=checksum, max_objects=max_objects)
        return [self._entry(*each) for each in added]

    @draft_only
    def new_file(
        self, name: str | PurePath, mode: str = "x", encoding: str | None = None
    ) -> AbstractContextManager[IO[Any]]:
        """Write a file straight into the draft; it is added when the `with` block ends well.

        Args:
            name: Its path in the artifact.
            mode: `x` refuses a path that is taken, `w` replaces it; with `b` for bytes.
            encoding: Of text; UTF-8 by default.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: The path is taken, or the mode is none of these.
        """
        return written(self.contents, entry_path(name), mode, encoding)

    @draft_only
    def remove(self, item: str | PurePath | ManifestEntry) -> None:
        """Remove an entry from the draft, or a directory with all that is in it.

        Args:
            item: The entry, or its path.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            FileNotFoundError: There is no such entry.
        """
        path = entry_path(item.path if isinstance(item, ManifestEntry) else item)
        if not self.contents.remove(path):
            raise FileNotFoundError(f"no {quoted(path)} in artifact {self.name}")
