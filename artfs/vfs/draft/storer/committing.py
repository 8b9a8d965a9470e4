"""A commit: what is frozen of a draft becomes a version."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.catalog import EdgeKind, Use, Version
from artfs.format.operations import Tree
from artfs.store import Store
from artfs.vfs.draft.build import build_tree, check_kinds, to_store
from artfs.vfs.draft.changes import ChangedDirectory, Ignore, has_moved_directory, walk_all, walk_changed
from artfs.vfs.draft.frozen import FrozenDraft
from artfs.vfs.draft.ignore import IGNORE_FILE, parse_ignore
from artfs.vfs.draft.jobs import Portion, Stored
from artfs.vfs.draft.request import CommitRequest, new_version, parse_meta
from artfs.vfs.draft.rows import BASE, Committed, InodeRow, Origin
from artfs.vfs.draft.storer.early import Early
from artfs.vfs.draft.storer.files import Growth, reader_of
from artfs.vfs.draft.storer.writers import Writers

__all__ = ["Committer", "Outcome", "Progress", "Report", "SnapshotTaken"]

_PORTION: Final = 500
_BATCH_BYTES: Final = 4 << 20
_BATCH_FILES: Final = 128


class SnapshotTaken:
    """The commit has seen what is frozen: the draft may checkpoint again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a commit is done.

    Attributes:
        percent: Of the bytes and entries that it has to look at.
    """

    percent: int


Report = SnapshotTaken | Progress | Portion


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a commit.

    Attributes:
        ref: The version; the base where nothing was touched.
        created: Whether it is a new one.
        origin: What the draft comes from now.
    """

    ref: str
    created: bool
    origin: Origin


class Committer:
    """Makes a version of a frozen draft.

    Args:
        store: Gets the version.
        draft: The draft's directory.
        frozen: The draft.
        writers: Write what is not stored yet.
        early: What is.
        report: Is told how far it is, and after the version is published of what the draft can take over.
    """

    def __init__(
        self,
        store: Store,
        draft: Path,
        frozen: FrozenDraft,
        writers: Writers,
        early: Early,
        report: Callable[[Report], None],
    ) -> None:
        self._store = store
        self._draft = draft
        self._frozen = frozen
        self._writers = writers
        self._early = early
        self._report = report

    def commit(self, request: CommitRequest) -> Outcome:
        """Store what is not stored, make the tree, and publish the version.

        Args:
            request: What was asked for.

        Raises:
            ArtfsError: It cannot be done; nothing was published.
            OSError: Likewise.
        """
        frozen = self._frozen
        version = new_version(frozen.origin.artifact, parse_meta(frozen.meta), request)
        directories, anew = _directories(frozen)
        check_kinds(frozen, directories)
        stored = self._store_files(to_store(frozen, directories))
        contents = {ino: (result.digest, result.extra) for ino, result in stored.items()}
        built = build_tree(frozen, directories, contents, self._store.pages, self._writers.nodes, anew=anew)
        self._writers.nodes.flush()
        row = frozen.inode(BASE)
        top = built[BASE]
        tree = Tree(top.node, top.digest, top.size, top.below, row.mode & 0o1777, row.mtime_ns)
        if request.run:
            self._note_base(request)
        logged = self._store.catalog.create_version(version, tree, request.who, if_changed=request.if_changed)
        with self._store.catalog.view() as view:
            ref = str(view.ref(logged.version))
        self._report_portions(stored, built)
        base = logged.version
        origin = Origin(frozen.origin.artifact, frozen.origin.lower, base.serial, ref, base.tree.root, base.tree.digest)
        return Outcome(ref, logged.created, origin)

    def _note_base(self, request: CommitRequest) -> None:
        """Note that a run used the version that its draft shows; one that it has made itself is no input."""
        with self._store.catalog.view() as view:
            version = view.by_serial(self._frozen.origin.base)
            own = isinstance(version, Version) and view.edge(request.run, EdgeKind.LOGGED, version) is not None
        if isinstance(version, Version) and not own:
            use = Use(version.artifact, version.index, time.time_ns(), how="commit")
            self._store.catalog.use_versions(request.run, [use], request.who)

    def _store_files(self, files: dict[int, InodeRow]) -> dict[int, Stored]:
        """Store the files of a commit that are not stored yet."""
        writer = self._writers.files
        total = sum(row.size for row in files.values()) + len(files) or 1
        done = 0
        stored: dict[int, Stored] = {}
        batch: list[tuple[int, InodeRow, bytes]] = []
        size = 0

        def write_batch() -> None:
            if batch:
                contents = writer.small([data for _ino, _row, data in batch])
                for (ino, row, _data), content in zip(batch, contents, strict=True):
                    stored[ino] = Stored(ino, row.counter, *content, row.size)
                batch.clear()
            self._report(Progress(min(99, 100 * done // total)))

        for ino, row in files.items():
            known = self._early.whole(self._draft, ino, row)
            done += row.size + 1
            if known is not None:
                stored[ino] = known
            elif row.size <= writer.small_size:
                batch.append((ino, row, bytes(self._frozen.read(ino, 0, row.size))))
                size += row.size
                if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
                    write_batch()
                    size = 0
            else:
                stored[ino] = Stored(ino, row.counter, *self._store_large(ino, row), row.size)
                self._report(Progress(min(99, 100 * done // total)))
        write_batch()
        return stored

    def _store_large(self, ino: int, row: InodeRow) -> tuple[bytes, bytes]:
        writer = self._writers.files
        growth = self._early.begun(self._draft, ino, row)
        if growth is None:
            if row.content.limit and not row.content.is_reference:
                return writer.changed(self._frozen, ino, row)
            growth = Growth(row.counter)
        writer.grow(growth, row.size, reader_of(self._frozen, ino), final=True)
        return writer.content(growth)

    def _report_portions(self, stored: dict[int, Stored], built: dict[int, Committed]) -> None:
        files = list(stored.values())
        directories = list(built.items())
        for start in range(0, len(files), _PORTION):
            self._report(Portion(files[start : start + _PORTION], []))
        for start in range(0, len(directories), _PORTION):
            self._report(Portion([], directories[start : start + _PORTION]))


def _directories(draft: FrozenDraft) -> tuple[list[ChangedDirectory], bool]:
    """The directories to be made anew, and whether they have all their names."""
    ignore = _ignore(draft)
    changed = walk_changed(draft, ignore)
    rule_changed = IGNORE_FILE in changed[0].names
    if rule_changed or (ignore is not None and has_moved_directory(draft)):
        return walk_all(draft, ignore), True
    return changed, False


def _ignore(draft: FrozenDraft) -> Ignore | None:
    ino = draft.find(BASE, IGNORE_FILE)
    row = draft.inode(ino) if ino else None
    if row is None or not stat.S_ISREG(row.mode):
        return None
    return parse_ignore(bytes(draft.read(ino, 0, row.size)))
