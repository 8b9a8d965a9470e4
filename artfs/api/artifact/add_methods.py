"""The methods of `Artifact` that add files, directories and references before it is logged."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import IO, Any, Literal
from urllib.parse import quote

from artfs.api.artifact.base import ArtifactBase, not_final
from artfs.api.artifact.inputs import (
    add_reference,
    check_policy,
    directory_source,
    entry_path,
    file_source,
    new_file,
    tidied,
)
from artfs.api.artifact.manifest_entry import ManifestEntry, file_in_version
from artfs.errors import InvalidInputError
from artfs.names import quoted
from artfs.store.write.outside_links import OutsideLinks

__all__ = ["AddMethods"]


class AddMethods(ArtifactBase):
    """The part of `Artifact` that adds to an unlogged artifact, and removes from it."""

    @not_final
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
        """Add a file as it is now; its bytes are stored at once.

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
        return ManifestEntry(path, self.contents.entries[path], self)

    @not_final
    def add_dir(
        self,
        local_path: str | os.PathLike[str],
        name: str | PurePath | None = None,
        ignore: str | Iterable[str] | None = None,
        merge: bool = False,
        policy: str = "mutable",
        *,
        skip_cache: bool = False,
        follow_links: bool = False,
    ) -> None:
        """Add what is in a directory: files, links, modes, empty directories.

        Symlinks are added as they are; one line warns of those that lead out of the directory, since in a version they
        lead to nothing. Files are read on all cores, and stored at once. A file that did not change since it was last
        stored, by its inode, size and times, is not read again; one that was open for writing or mapped then is.

        Args:
            local_path: The directory.
            name: Its path in the artifact; by default its contents go to the top.
            ignore: Patterns of gitignore(5) for what is left out, besides those in its `.artfsignore`.
            merge: Replace files that the artifact has with other contents.
            policy: As for `add_file`.
            skip_cache: Read also the files that did not change since they were stored.
            follow_links: In place of symlinks that lead out of the directory add what they lead to.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: It is no directory, or the artifact has one of the files with other contents.
            SourceChangedError: A file changed while it was read; nothing was added.
            SourceError: Something in it cannot be read.
        """
        check_policy(policy)
        prefix = b"" if name is None or str(name) in {"", "."} else entry_path(tidied(name))
        began = time.time_ns()
        links = OutsideLinks(follow_links)
        source = directory_source(local_path, prefix, ignore, links)
        self.contents.add_tree(prefix, source, began, merge=merge, reread=skip_cache)
        if (warning := links.warning("follow_links=True")) is not None:
            warnings.warn(f"{quoted(os.fspath(local_path))}: {warning}", stacklevel=3)

    @not_final
    def add_reference(
        self,
        uri: str | PurePath | ManifestEntry,
        name: str | PurePath | None = None,
        checksum: bool | Literal["content"] = True,
        max_objects: int | None = None,
    ) -> list[ManifestEntry]:
        """Add references to what is elsewhere; its bytes are read there when needed, and checked.

        Args:
            uri: Of an object (`s3://bucket/key`, `gs:`, `az:`, `https:`, `file:`) or, to refer to all below it, of a
                prefix or directory. Of a scheme that artfs does not know the URI alone is kept. Or a path of this
                machine; or an entry of an artifact: of a reference, what that is to; a file of a logged artifact is
                added itself, without a copy if both are in one store, and its version is an input of the run that
                logs this one.
            name: Its path in the artifact, or the directory that the references go to. Of an entry by default its own
                name.
            checksum: Keep the digest, ETag or version that identifies the contents; for `file:` that reads the files.
                False: URI and size alone. `content`: read the objects once, and keep their chunk lists too; then each
                range is proved when it is read, and what the store has is read there.
            max_objects: The most objects that may be added, by default ten million.

        Returns:
            The entries.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            ArtifactNotLoggedError: The artifact of the entry is not logged.
            InvalidInputError: The URI has no scheme or holds credentials; leads to nothing or to too many objects; has
                an unknown scheme and no name was given; or a path has other contents; or there is no such `checksum`.
            SourceError: Something cannot be read.
        """
        path = None if name is None else entry_path(name)
        if isinstance(uri, ManifestEntry) and uri.ref is None:
            return [self._add_entry(uri, path)]
        if isinstance(uri, PurePath):
            text = "file://" + quote(os.fsencode(os.path.abspath(uri)))
        else:
            text = uri.ref_target() if isinstance(uri, ManifestEntry) else uri
        added = add_reference(self.contents, text, path, checksum=checksum, max_objects=max_objects)
        return [ManifestEntry(path, row, self) for path, row in added]

    def _add_entry(self, entry: ManifestEntry, path: bytes | None) -> ManifestEntry:
        """Add a file of a version, which gc keeps until this artifact is logged or gone."""
        store, version, row = file_in_version(entry)
        source = os.fsencode(entry.path)
        path = path or source.rpartition(b"/")[2]
        self.contents.add_stored(path, row, store)
        if self.contents.origins.add(store, version, source):
            self._retain(store, version)
        return ManifestEntry(path, self.contents.entries[path], self)

    @not_final
    def new_file(
        self, name: str | PurePath, mode: str = "x", encoding: str | None = None
    ) -> AbstractContextManager[IO[Any]]:
        """Write a file straight into the artifact; it is added when the `with` block ends well.

        Args:
            name: Its path in the artifact.
            mode: `x` refuses a path that is taken, `w` replaces it; with `b` for bytes.
            encoding: Of text; UTF-8 by default.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: The path is taken, or the mode is none of these.
        """
        return new_file(self.contents, entry_path(name), mode, encoding)

    @not_final
    def remove(self, item: str | PurePath | ManifestEntry) -> None:
        """Remove an entry, or a directory with all that is in it.

        Args:
            item: The entry, or its path.

        Raises:
            ArtifactFinalizedError: The artifact is logged.
            FileNotFoundError: There is no such entry.
        """
        path = entry_path(item.path if isinstance(item, ManifestEntry) else tidied(item))
        if not self.contents.remove(path):
            raise FileNotFoundError(f"no {quoted(path)} in artifact {self.name}")
