"""Commit of a frozen draft: store its files, build the tree, publish the version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from artfs.catalog import LoggedVersion, Version
from artfs.drafts.commit.dirty_walk import directories_to_build
from artfs.drafts.commit.logging_runs import logging_runs
from artfs.drafts.commit.outside_links import outside_links_note
from artfs.drafts.commit.tree_builder import build_tree, files_to_store, reject_refused_files, reject_special_files
from artfs.drafts.control.commit_request import CommitRequest, is_done_without_changes, new_version, parse_meta
from artfs.drafts.db.schema import BASE, CommittedDirectory, InodeRow, Origin
from artfs.drafts.storer.draft_publisher import DraftPublisher
from artfs.drafts.storer.prestored import PartialFile, PrestoredFiles
from artfs.drafts.storer.store_session import StoreSession, view_reader
from artfs.drafts.storer_protocol import CommitDelta, StoreResult
from artfs.drafts.view import FrozenDraft
from artfs.format.operations import Tree
from artfs.store import Store

__all__ = ["CommitOutcome", "CommitProgress", "Committer", "Report", "SnapshotOpened"]

_DELTA_ROWS: Final = 500
_BATCH_BYTES: Final = 4 << 20
_BATCH_FILES: Final = 128


class SnapshotOpened:
    """The commit has the frozen rows open: the draft may checkpoint again."""


@dataclass(frozen=True, slots=True)
class CommitProgress:
    """Progress of a commit.

    Attributes:
        percent: Of the bytes and entries that it has to store.
    """

    percent: int


Report = SnapshotOpened | CommitProgress | CommitDelta


@dataclass(frozen=True, slots=True)
class CommitOutcome:
    """Result of a commit that is published.

    Attributes:
        ref: The version; the base where nothing was touched.
        created: Whether it is a new version.
        origin: The origin that the draft has now.
        note: A line about it for people; empty: none.
        merged: The version that the draft's changes were merged onto; empty: it has the draft's contents alone.
        runs: Ids of the runs that logged it with this commit.
    """

    ref: str
    created: bool
    origin: Origin
    note: str = ""
    merged: str = ""
    runs: Sequence[str] = ()


class Committer:
    """Makes a version of a frozen draft.

    Args:
        store: Gets the version.
        draft: The draft's directory.
        frozen: The draft.
        session: Writes what is not stored yet.
        prestored: Files that are stored already.
        report: Gets the progress, and once the version is published what the draft is to take over.
    """

    def __init__(
        self,
        store: Store,
        draft: Path,
        frozen: FrozenDraft,
        session: StoreSession,
        prestored: PrestoredFiles,
        report: Callable[[Report], None],
    ) -> None:
        self._store = store
        self._draft = draft
        self._frozen = frozen
        self._session = session
        self._prestored = prestored
        self._report = report

    def commit(self, request: CommitRequest) -> CommitOutcome:
        """Store what is not stored, build the tree, and publish the version.

        Raises:
            NewerVersionError: The draft's upstream is ahead, and neither `merge` nor `replace` was said.
            MergeConflictError: Names were changed in both.
            ArtfsError: It cannot be done; nothing was published.
            OSError: Likewise.
        """
        frozen = self._frozen
        with self._store.catalog.view() as view:
            runs = logging_runs(view, request, frozen.writers())
        version = new_version(frozen.origin.artifact, parse_meta(frozen.meta), request, runs)
        walk = directories_to_build(frozen)
        only_ignored = walk.found_ignored and not walk.found_files and not request.force
        publisher = DraftPublisher(self._store, self._draft, frozen, self._session)
        if not only_ignored:
            publisher.check_upstream(request)  # before all the work; it is checked again when that is done
        reject_special_files(frozen, walk.directories)
        reject_refused_files(frozen, walk.directories)
        stored = self._store_files(files_to_store(frozen, walk.directories))
        contents = {ino: (result.digest, result.extra) for ino, result in stored.items()}
        built = build_tree(
            frozen, walk.directories, contents, self._store.pages, self._session.writer, complete=walk.is_complete
        )
        self._session.writer.flush()
        note = outside_links_note(frozen, walk.directories)
        row = frozen.inode(BASE)
        top = built[BASE]
        tree = Tree(top.node, top.digest, top.size, top.below, row.mode & 0o1777, row.mtime_ns)
        logged, merged = self._base_if_same(tree) if only_ignored else None, ""
        published = logged is None or not is_done_without_changes(request, frozen.origin.base_ref)
        if logged is None or published:
            logged, merged = publisher.publish(request, version, tree)
        with self._store.catalog.view() as view:
            ref = view.ref(logged.version)
        self._report_deltas(stored, built)
        base = logged.version
        origin = replace(
            frozen.origin,
            artifact=ref.name,
            base=base.serial,
            base_ref=str(ref),
            base_root=base.tree.root,
            base_digest=base.tree.digest,
            own_root=b"" if base.tree.digest == tree.digest else tree.root,
        )
        return CommitOutcome(str(ref), logged.created, origin, note, merged, runs if published else [])

    def _base_if_same(self, tree: Tree) -> LoggedVersion | None:
        """The version below the draft, if it is not deleted and the draft has the contents that it was given."""
        with self._store.catalog.view() as view:
            base = view.by_serial(self._frozen.origin.base)
        shown = self._frozen.origin.shown_root
        same = shown and self._store.pages.top(shown).digest == tree.digest
        return LoggedVersion(base, created=False) if same and isinstance(base, Version) and not base.deleted else None

    def _store_files(self, files: dict[int, InodeRow]) -> dict[int, StoreResult]:
        """Store the files of a commit that are not stored yet."""
        session = self._session
        total = sum(row.size for row in files.values()) + len(files) or 1
        done = 0
        stored: dict[int, StoreResult] = {}
        batch: list[tuple[int, InodeRow, bytes]] = []
        size = 0

        def write_batch() -> None:
            if batch:
                contents = session.store_small([data for _ino, _row, data in batch])
                for (ino, row, _data), content in zip(batch, contents, strict=True):
                    stored[ino] = StoreResult(ino, row.counter, *content, row.size)
                batch.clear()
            self._report(CommitProgress(min(99, 100 * done // total)))

        for ino, row in files.items():
            known = self._prestored.find_complete(self._draft, ino, row)
            done += row.size + 1
            if known is not None:
                stored[ino] = known
            elif row.size <= session.small_size:
                batch.append((ino, row, bytes(self._frozen.read(ino, 0, row.size))))
                size += row.size
                if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
                    write_batch()
                    size = 0
            else:
                stored[ino] = StoreResult(ino, row.counter, *self._store_large(ino, row), row.size)
                self._report(CommitProgress(min(99, 100 * done // total)))
        write_batch()
        return stored

    def _store_large(self, ino: int, row: InodeRow) -> tuple[bytes, bytes]:
        partial = self._prestored.take_partial(self._draft, ino, row)
        if partial is None:
            if row.content.limit and not row.content.is_reference:
                return self._session.store_changed(self._frozen, ino, row)
            partial = PartialFile(row.counter)
        self._session.extend(partial, row.size, view_reader(self._frozen, ino), final=True)
        return self._session.content(partial)

    def _report_deltas(self, stored: dict[int, StoreResult], built: dict[int, CommittedDirectory]) -> None:
        files = list(stored.values())
        directories = list(built.items())
        for start in range(0, len(files), _DELTA_ROWS):
            self._report(CommitDelta(files[start : start + _DELTA_ROWS], []))
        for start in range(0, len(directories), _DELTA_ROWS):
            self._report(CommitDelta([], directories[start : start + _DELTA_ROWS]))
