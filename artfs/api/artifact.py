"""`Artifact`: a draft that is being filled, or a version in the store."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any, Self

from artfs.api import lineage, logged
from artfs.api.capture import current_run
from artfs.api.contents import Contents
from artfs.api.described import Described
from artfs.api.entry import ManifestEntry
from artfs.api.guard import draft_only, logged_only
from artfs.api.logging import log
from artfs.api.manifest import DraftEntries, Manifest, VersionEntries
from artfs.api.newfile import written
from artfs.api.referring import add_reference
from artfs.api.saving import Saved, push
from artfs.api.sources import check_policy, directory_source, entry_path, file_source
from artfs.api.stores import StoreLike, shared_store
from artfs.catalog import Version, current_actor, decode_metadata
from artfs.errors import ArtifactNotLoggedError, InvalidInputError, NotFoundError
from artfs.format.node import Entry
from artfs.names import DEFAULT_TYPE, VersionRef, quoted
from artfs.store.store import Store, root_entry
from artfs.store.tree.diff import Difference

if TYPE_CHECKING:
    from artfs.api.run import Run

__all__ = ["Artifact"]


class Artifact(Described):
    """A versioned directory with a name and a type.

    One that you make is a draft: add to it, then log it with `Run.log_artifact`, or with `save` outside of a run. From
    then on it is a version, as are those that `Run.use_artifact` and `Api.artifact` give: its contents are final, and
    its description, metadata, tags, aliases and time to live are changed by editing them and `save`.

    Args:
        name: The artifact's name: letters, digits, `_`, `.` and `-`.
        type: Its type, as `dataset` or `model`.
        description: Free text.
        metadata: A JSON object; copied.
        incremental: Only False: what adds to a version begins with its `new_draft`.
        use_as: Without effect here; for scripts that were written for W&B.
        store: Where contents are stored as they are added: a store or its directory; by default `$ARTFS_STORE`, or the
            user's own. Logging elsewhere copies them.

    Raises:
        InvalidInputError: Name, type or metadata break a rule, or `incremental` is True.
        TypeError: A value of the metadata is of a wrong type.
    """

    def __init__(
        self,
        name: str,
        type: str = DEFAULT_TYPE,  # noqa: A002 - the name that W&B's users write
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        incremental: bool = False,
        use_as: str | None = None,
        *,
        store: StoreLike = None,
    ) -> None:
        del use_as
        if incremental:
            raise InvalidInputError(
                f"incremental=True is not there: begin with Api().artifact({name!r}).new_draft(), and log that"
            )
        super().__init__(name, type, description, metadata)
        self._contents: Contents | None = Contents(store)
        self._store: Store | None = None
        self._version: Version | None = None
        self._saved = Saved()
        self._aliases: list[str] = []
        self._final = False
        self._deleted = False

    @classmethod
    def of_version(cls, store: Store, version: Version) -> Self:
        """The logged artifact of a version.

        Args:
            store: Where it is.
            version: Its row in the catalog.

        Raises:
            NotFoundError: The store has no such version.
        """
        with store.catalog.view() as view:
            row = view.artifact(version.artifact)
        if row is None:
            raise NotFoundError(f"artifact {version.artifact} does not exist: `artfs ls` shows which do")
        artifact = cls(row.name, row.type)
        artifact.become(store, version)
        return artifact

    def become(self, store: Store, version: Version) -> None:
        """Turn a draft into a version that is in the store, which stays readable as long as this object is there."""
        if self._version is None or self._version.serial != version.serial:
            store.hold(version)
            weakref.finalize(self, store.release, version.serial).atexit = False
        with store.catalog.view() as view:
            artifact, self._aliases = view.artifact(version.artifact), view.aliases_of(version)
        if artifact is not None:
            self._type = artifact.type
            self._base_name = artifact.name
        self._store, self._version, self._contents = store, version, None
        self._final = True
        self._description = version.description
        self._metadata = decode_metadata(version.metadata)
        self._tags = list(version.tags)
        self._ttl_ns, self._ttl_set = version.ttl_ns, True
        self._saved = Saved(version, tuple(self._aliases))

    # What it is

    def is_draft(self) -> bool:
        """Whether it is not logged."""
        return self._version is None

    def is_finalized(self) -> bool:
        """Whether its contents can change no more."""
        return self._final

    @property
    def base_name(self) -> str:
        """The name without version."""
        return self._base_name

    @property
    def name(self) -> str:
        """The name, of a logged artifact with its version: `animals:v0`."""
        return self._base_name if self._version is None else f"{self._base_name}:{self._version.name}"

    @property
    def qualified_name(self) -> str:
        """As `name`: one store has one artifact of a name."""
        return self.name

    @property
    def source_name(self) -> str:
        """The version that this one is a link to, as it was called then; its own name if it is none."""
        return (self._version.source if self._version is not None else None) or self.name

    @property
    def id(self) -> str | None:
        """Identifies the version in its store; None of a draft."""
        return None if self._version is None else f"{self._version.serial:08x}"

    @property
    def state(self) -> str:
        """`PENDING` while it is a draft, then `COMMITTED`, at last `DELETED`."""
        if self._deleted:
            return "DELETED"
        return "PENDING" if self._version is None else "COMMITTED"

    @property
    @logged_only
    def version(self) -> str:
        """`v0`, `v1` and so on."""
        return self.row.name

    @property
    @logged_only
    def created_at(self) -> str:
        """When it was logged: UTC, in ISO 8601."""
        return datetime.fromtimestamp(self.row.created_ns / 1e9, UTC).isoformat(timespec="milliseconds")

    @property
    @logged_only
    def aliases(self) -> list[str]:
        """Its aliases, which may be edited in place; `save` pushes the changes."""
        return self._aliases

    @aliases.setter
    def aliases(self, aliases: Sequence[str]) -> None:
        if self._version is None:
            raise ArtifactNotLoggedError(f"artifact {self.name} has no aliases yet: give them when it is logged")
        self._aliases = list(aliases)

    @property
    def ttl_ns(self) -> int | None:
        """The time to live in nanoseconds."""
        return self._ttl_ns

    @property
    def digest(self) -> str:
        """Identifies the contents: equal contents, equal digest."""
        return (self.contents.top.digest if self._version is None else self._version.digest).hex()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self.contents.top.size if self._version is None else self._version.size

    @property
    @logged_only
    def file_count(self) -> int:
        """Number of files, links and references."""
        return len(self.manifest.entries)

    @property
    def manifest(self) -> Manifest:
        """All entries by path, of a draft those added so far."""
        if self._version is None:
            return Manifest(DraftEntries(self.contents, self._entry), self.digest, self.size)
        entries = VersionEntries(self._live, self._version, self._entry)
        return Manifest(entries, self.digest, self.size)

    @property
    def contents(self) -> Contents:
        """What a draft holds.

        Raises:
            ArtifactFinalizedError: It is logged.
        """
        if self._contents is None:
            raise InvalidInputError(f"artifact {self.name} is logged: begin a new_draft()")
        return self._contents

    @property
    def row(self) -> Version:
        """The row of a logged artifact's version in the catalog.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        if self._version is None:
            raise ArtifactNotLoggedError(f"artifact {self.name} has no version yet: log it first")
        return self._version

    @property
    def store(self) -> Store:
        """The store of a logged artifact.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        return self._live()

    def _live(self) -> Store:
        """The store, opened again where it was closed or this is a child that was forked since."""
        if self._store is None:
            raise ArtifactNotLoggedError(f"artifact {self.name} is in no store yet: log it first")
        if not self._store.usable:
            self._store = shared_store(self._store.path, create=False)
        return self._store

    @property
    def _ref(self) -> VersionRef:
        with self._live().catalog.view() as view:
            return view.ref(self.row)

    def _entry(self, path: bytes, row: Entry) -> ManifestEntry:
        return ManifestEntry(path, row, self._open_entry, self._download_entry)

    # Filling a draft

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

    def finalize(self) -> None:
        """Let nothing more be added. Logging does it too."""
        self._final = True

    # Publishing

    def save(self) -> None:
        """Log a draft, as an output of the run that is going on in this process, if any; or push what was edited.

        Raises:
            InvalidInputError: What was edited breaks a rule; nothing was pushed.
            TypeError: A value of the metadata is of a wrong type.
            TypeMismatchError: The name of a draft is borne by an artifact of another type.
            NotFoundError: The version was deleted meanwhile.
            StorageError: The store cannot be written.
        """
        if self._version is None:
            store = shared_store(self.contents.store)
            log(store, self, run=current_run(store))
            return
        push(self._live(), self._ref, self)
        self.become(self._live(), self._live().version(self._ref))

    @property
    def saved(self) -> Saved:
        """What the store says of it, as of the last look."""
        return self._saved

    @logged_only
    def delete(self, delete_aliases: bool = False) -> None:
        """Delete the version; `artfs undelete` takes it back until gc.

        Args:
            delete_aliases: Also when it has aliases other than `latest`.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            VersionInUseError: It has aliases.
        """
        self._live().catalog.delete_version(self._ref, current_actor(), delete_aliases=delete_aliases)
        self._deleted = True

    @logged_only
    def wait(self, timeout: float | timedelta | None = None) -> Self:
        """Give the artifact back: what is logged is there already.

        Args:
            timeout: Not needed.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        del timeout
        return self

    @logged_only
    def new_draft(self) -> Artifact:
        """Begin a draft with the contents and the description of this version.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        draft = Artifact(self._base_name, self.type, self.description, self.metadata, store=self._live())
        draft.contents.fill(self._live().walk(root_entry(self.row)), self._live())
        return draft

    # Using a logged artifact

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
    def diff(self, other: Artifact) -> list[Difference]:
        """What changed from this version to another, in time that grows with the changes.

        Args:
            other: The other one; of the same store.

        Returns:
            The differences by path: `what` is `added`, `removed` or `modified`.

        Raises:
            ArtifactNotLoggedError: One of them is a draft.
        """
        return list(self._live().diff(self.row, other.row))

    # Where it comes from

    @logged_only
    def logged_by(self) -> Run | None:
        """The run that logged it first; None if it was logged outside of runs.

        Others may have logged the same contents (`if_changed`), or added a part (`upsert_artifact`): it is among
        the `logged_artifacts` of these too.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        return lineage.logged_by(self._live(), self.row)

    @logged_only
    def used_by(self) -> list[Run]:
        """The runs that used it, in the order of time.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        return lineage.used_by(self._live(), self.row)

    @logged_only
    def ancestors(self, depth: int | None = None) -> list[Artifact]:
        """The versions that went into it by way of runs, the nearest first; deleted ones left out.

        Args:
            depth: How many runs to go back; None: all.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            InvalidInputError: `depth` is negative.
        """
        found = lineage.ancestors(self._live(), self.row, depth)
        return [Artifact.of_version(self._live(), version) for version in found]

    @logged_only
    def descendants(self, depth: int | None = None) -> list[Artifact]:
        """The versions that it went into by way of runs, the nearest first; deleted ones left out.

        Args:
            depth: How many runs to go on; None: all.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            InvalidInputError: `depth` is negative.
        """
        found = lineage.descendants(self._live(), self.row, depth)
        return [Artifact.of_version(self._live(), version) for version in found]

    def _open_entry(self, entry: ManifestEntry) -> IO[bytes]:
        return logged.open_entry(self._live(), entry)

    def _download_entry(self, entry: ManifestEntry, root: str | os.PathLike[str] | None) -> str:
        return logged.download_entry(self._live(), entry, root or logged.default_root(self.name))

    def __reduce__(self) -> tuple[Callable[[Path, int, int], Artifact], tuple[Path, int, int]]:
        """A logged artifact goes to worker processes as its store and version; what was edited and not saved stays."""
        if self._version is None:
            raise ArtifactNotLoggedError(
                f"artifact {self.name} is a draft of this process: log it before others get it"
            )
        return _reopened, (self._live().path, self._version.artifact, self._version.index)

    def __repr__(self) -> str:
        return f"<Artifact {self.name} ({self.type})>"


def _reopened(place: Path, artifact: int, index: int) -> Artifact:
    """The artifact that another process, or an earlier one, pickled.

    Raises:
        NotFoundError: The version was deleted meanwhile.
        StoreNotFoundError: The store is not there.
    """
    store = shared_store(place, create=False)
    with store.catalog.view() as view:
        version = view.version(artifact, index)
    if version is None:
        raise NotFoundError(f"version v{index} of artifact {artifact} in {place} was deleted: use another")
    return Artifact.of_version(store, version)
