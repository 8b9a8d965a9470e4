"""What the storer process does: files in the background, and commits. One thread, and the store open for writing."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.catalog import EdgeKind, Use, Version
from artfs.chunks.chunker import Chunker
from artfs.errors import ArtfsError, StorageError
from artfs.format.operations import Tree
from artfs.store import Store
from artfs.store.chunkstore import ChunkWriter
from artfs.store.nodes import NodeWriter
from artfs.store.session import WriterSession
from artfs.vfs.draft.build import build_tree, check_kinds, to_store
from artfs.vfs.draft.changes import ChangedDirectory, Ignore, has_moved_directory, walk_all, walk_changed
from artfs.vfs.draft.datafiles import file_name
from artfs.vfs.draft.frozen import FrozenDraft
from artfs.vfs.draft.ignore import IGNORE_FILE, parse_ignore
from artfs.vfs.draft.jobs import Job, Portion, Stored
from artfs.vfs.draft.request import CommitRequest, new_version, parse_meta
from artfs.vfs.draft.rows import BASE, Committed, InodeRow, Origin
from artfs.vfs.draft.storing import FileWriter, Growth

__all__ = ["DraftStorer", "Outcome", "Progress", "Report", "SnapshotTaken"]

_PORTION: Final = 500
_BATCH_BYTES: Final = 4 << 20
_BATCH_FILES: Final = 128
_KNOWN: Final = 100_000
_GROWING: Final = 64


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


@dataclass(slots=True)
class _Writers:
    """What writes between two flushes; gone at a flush, so that no session outlives what it was for."""

    stack: ExitStack
    chunks: ChunkWriter
    nodes: NodeWriter
    files: FileWriter


class DraftStorer:
    """Stores files of drafts, and commits drafts.

    Args:
        store: Open in this process.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._chunker = Chunker(store.layout.format.chunker)
        self._writers: _Writers | None = None
        self._growing: dict[tuple[Path, int], Growth] = {}
        self._results: list[tuple[Path, Stored]] = []
        self._known: dict[tuple[Path, int], Stored] = {}

    def close(self) -> None:
        """Give up what was not flushed."""
        self._drop()

    @property
    def unflushed(self) -> int:
        """Bytes that were stored since the last flush."""
        return self._writers.files.written if self._writers is not None else 0

    def store(self, draft: Path, jobs: Sequence[Job]) -> None:
        """Store files in the background.

        Args:
            draft: Their draft's directory.
            jobs: What is to be stored; what cannot be read any more (it was removed meanwhile) is left out.

        Raises:
            StorageError: The store cannot be written; nothing since the last flush is stored.
        """
        with self._writing() as files:
            batch: list[tuple[Job, bytes]] = []
            for job in jobs:
                try:
                    if job.size <= files.small_size:
                        batch.append((job, _read_job(draft, job, 0, job.size)))
                    else:
                        self._store_large(draft, job, files)
                except OSError:
                    self._growing.pop((draft, job.ino), None)
            for start in range(0, len(batch), _BATCH_FILES):
                some = batch[start : start + _BATCH_FILES]
                contents = files.small([data for _job, data in some])
                for (job, _data), (digest, extra) in zip(some, contents, strict=True):
                    self._note(draft, Stored(job.ino, job.counter, digest, extra, job.size))

    def _store_large(self, draft: Path, job: Job, files: FileWriter) -> None:
        key = draft, job.ino
        growth = self._growing.get(key)
        usable = growth is not None and growth.counter == job.counter and growth.told <= job.held
        if growth is None or not usable or not job.start <= growth.end <= job.size:
            self._growing.pop(key, None)
            if job.start:  # an earlier process began with it, and the commit will go on from there
                return
            growth = self._begin(key, job.counter)
        files.grow(growth, job.size, lambda at, size: _read_job(draft, job, at, size), final=job.final)
        if job.final:
            del self._growing[key]
            self._note(draft, Stored(job.ino, job.counter, *files.content(growth), job.size))

    def _begin(self, key: tuple[Path, int], counter: int) -> Growth:
        if len(self._growing) >= _GROWING:  # some may have been removed, of which nobody tells
            self._growing.pop(next(iter(self._growing)))
        growth = self._growing[key] = Growth(counter)
        return growth

    def _note(self, draft: Path, result: Stored) -> None:
        self._results.append((draft, result))
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[draft, result.ino] = result

    def flush(self) -> list[tuple[Path, Stored]]:
        """Make all that was stored durable, and give the results since the last flush.

        Until `taken_over` gc waits for this process: no row speaks of the results yet.

        Raises:
            StorageError: It could not be done; what was not flushed is not stored.
        """
        with self._writing():
            if self._writers is not None:
                self._tell_of_growing(self._writers.files)
                self._writers.nodes.flush()
        results, self._results = self._results, []
        return results

    def taken_over(self) -> None:
        """The results of the last flush are in the rows of their drafts, or were not wanted any more."""
        self._drop_writers()
        self._known.clear()  # a row that was frozen before, or has changed since, does not hold them

    def _tell_of_growing(self, files: FileWriter) -> None:
        """Give what is stored of files that still grow, so that their data files need not be kept."""
        for (draft, ino), growth in self._growing.items():
            if growth.is_news:
                growth.told = growth.end
                self._results.append((draft, Stored(ino, growth.counter, *files.content(growth), growth.end)))

    def commit(self, draft: Path, request: CommitRequest, report: Callable[[Report], None]) -> Outcome:
        """Make a version of a frozen draft.

        Args:
            draft: Its directory; nothing checkpoints it before `SnapshotTaken` was reported.
            request: What was asked for.
            report: Is told how far it is, and after the version is published of what the draft can take over.

        Raises:
            ArtfsError: It cannot be done; nothing was published.
        """
        with FrozenDraft(draft, self._store) as frozen, self._writing():
            report(SnapshotTaken())  # from here on only this process's session keeps gc from what was frozen
            version = new_version(frozen.origin.artifact, parse_meta(frozen.meta), request)
            directories, anew = _directories(frozen)
            check_kinds(frozen, directories)
            files = to_store(frozen, directories)
            with self._writing() as writer:
                stored = self._store_files(draft, frozen, files, writer, report)
                contents = {ino: (result.digest, result.extra) for ino, result in stored.items()}
                built = build_tree(frozen, directories, contents, self._store.pages, self._nodes, anew=anew)
                self._nodes.flush()
            row = frozen.inode(BASE)
            top = built[BASE]
            tree = Tree(top.node, top.digest, top.size, top.below, row.mode & 0o1777, row.mtime_ns)
            if request.run:
                self._note_base(frozen.origin.base, request)
            logged = self._store.catalog.create_version(version, tree, request.who, if_changed=request.if_changed)
            with self._store.catalog.view() as view:
                ref = str(view.ref(logged.version))
            _report_portions(stored, built, report)
            base = logged.version
            origin = Origin(
                frozen.origin.artifact, frozen.origin.lower, base.serial, ref, base.tree.root, base.tree.digest
            )
            if not self._results:
                self.taken_over()
            return Outcome(ref, logged.created, origin)

    def _note_base(self, base: int, request: CommitRequest) -> None:
        """Note that a run used the version that its draft shows; one that it has made itself is no input."""
        with self._store.catalog.view() as view:
            version = view.by_serial(base)
            own = isinstance(version, Version) and view.edge(request.run, EdgeKind.LOGGED, version) is not None
        if isinstance(version, Version) and not own:
            use = Use(version.artifact, version.index, time.time_ns(), how="commit")
            self._store.catalog.use_versions(request.run, [use], request.who)

    def _store_files(
        self,
        draft: Path,
        frozen: FrozenDraft,
        files: dict[int, InodeRow],
        writer: FileWriter,
        report: Callable[[Report], None],
    ) -> dict[int, Stored]:
        """Store the files of a commit that are not stored yet."""
        total = sum(row.size for row in files.values()) + len(files) or 1
        done = 0
        stored: dict[int, Stored] = {}
        batch: list[tuple[int, InodeRow, bytes]] = []
        size = 0

        def write_batch() -> None:
            if batch:
                for (ino, row, _data), content in zip(
                    batch, writer.small([data for _ino, _row, data in batch]), strict=True
                ):
                    stored[ino] = Stored(ino, row.counter, *content, row.size)
                batch.clear()
            report(Progress(min(99, 100 * done // total)))

        for ino, row in files.items():
            known = self._known.get((draft, ino))
            done += row.size + 1
            if known is not None and (known.counter, known.size) == (row.counter, row.size):
                stored[ino] = known
            elif row.size <= writer.small_size:
                batch.append((ino, row, bytes(frozen.read(ino, 0, row.size))))
                size += row.size
                if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
                    write_batch()
                    size = 0
            else:
                stored[ino] = Stored(ino, row.counter, *self._large(draft, frozen, ino, row, writer), row.size)
                report(Progress(min(99, 100 * done // total)))
        write_batch()
        return stored

    def _large(
        self, draft: Path, frozen: FrozenDraft, ino: int, row: InodeRow, writer: FileWriter
    ) -> tuple[bytes, bytes]:
        growth = self._growing.pop((draft, ino), None)
        stale = growth is None or growth.counter != row.counter or growth.end > row.size
        if growth is None or stale or self._missing([piece.digest for piece in growth.pieces]):
            if row.content.limit and not row.content.is_reference:
                return writer.changed(frozen, ino, row)
            growth = Growth(row.counter)
        writer.grow(growth, row.size, lambda at, size: frozen.read(ino, at, size), final=True)
        return writer.content(growth)

    def _missing(self, chunks: Sequence[bytes]) -> bool:
        """Whether the store has not all of these, or not for long."""
        with self._store.catalog.view() as view:
            return bool(view.missing(chunks))

    @property
    def _nodes(self) -> NodeWriter:
        return self._open_writers().nodes

    def _open_writers(self) -> _Writers:
        if self._writers is None:
            with ExitStack() as stack:
                session = stack.enter_context(WriterSession(self._store.layout.tmp))
                layout, catalog = self._store.layout, self._store.catalog
                chunks = stack.enter_context(ChunkWriter(layout, catalog, session))
                nodes = NodeWriter(layout, catalog, session, chunks)
                files = FileWriter(chunks, nodes, self._store.pages, self._chunker)
                self._writers = _Writers(stack.pop_all(), chunks, nodes, files)
                for growth in self._growing.values():  # gc may have been there when no session kept it away
                    if self._missing(growth.untold()):
                        growth.cut_back()
        return self._writers

    @contextmanager
    def _writing(self) -> Iterator[FileWriter]:
        """Write files; whatever fails, all that was not flushed is given up."""
        try:
            yield self._open_writers().files
        except OSError as error:
            self._drop()
            raise StorageError.of(error, "storing files of a draft") from error
        except ArtfsError:
            self._drop()
            raise

    def _drop(self) -> None:
        self._drop_writers()
        self._results.clear()
        self._known.clear()
        self._growing.clear()

    def _drop_writers(self) -> None:
        writers, self._writers = self._writers, None
        if writers is not None:
            writers.stack.close()


def _read_job(draft: Path, job: Job, start: int, size: int) -> bytes:
    """Read a file of a draft that is being changed, by what its job says.

    Raises:
        OSError: It is not there any more, or shorter.
    """
    parts = []
    at, end = start, start + size
    for first, (last, data, base) in job.extents:
        if last <= at or first >= end:
            continue
        if first > at:
            parts.append(bytes(first - at))
            at = first
        stop = min(last, end)
        descriptor = os.open(draft / "data" / file_name(data), os.O_RDONLY | os.O_CLOEXEC)
        try:
            part = os.pread(descriptor, stop - at, base + at)
        finally:
            os.close(descriptor)
        if len(part) != stop - at:
            raise FileNotFoundError(f"data file {file_name(data)} became shorter")
        parts.append(part)
        at = stop
    parts.append(bytes(end - at))
    return b"".join(parts) if len(parts) > 2 or parts[-1] else parts[0]


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


def _report_portions(stored: dict[int, Stored], built: dict[int, Committed], report: Callable[[Report], None]) -> None:
    files, directories = list(stored.values()), list(built.items())
    for start in range(0, len(files), _PORTION):
        report(Portion(files[start : start + _PORTION], []))
    for start in range(0, len(directories), _PORTION):
        report(Portion([], directories[start : start + _PORTION]))
