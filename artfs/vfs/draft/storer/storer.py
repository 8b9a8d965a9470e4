"""What the storer process does: files in the background, and commits. One thread, and the store open for writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from artfs.chunks.chunker import Chunker
from artfs.errors import ArtfsError, StorageError
from artfs.store import Store
from artfs.vfs.draft.frozen import FrozenDraft
from artfs.vfs.draft.jobs import Job, Stored
from artfs.vfs.draft.request import CommitRequest
from artfs.vfs.draft.storer.committing import Committer, Outcome, Report, SnapshotTaken
from artfs.vfs.draft.storer.early import Early
from artfs.vfs.draft.storer.files import FileWriter
from artfs.vfs.draft.storer.reading import read_job
from artfs.vfs.draft.storer.writers import Writers

__all__ = ["DraftStorer"]

_BATCH_FILES: Final = 128


class DraftStorer:
    """Stores files of drafts, and commits drafts.

    Args:
        store: Open in this process.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._chunker = Chunker(store.layout.format.chunker)
        self._writers: Writers | None = None
        self._early = Early(store.catalog)
        self._results: list[tuple[Path, Stored]] = []

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
        with self._writing() as writers:
            files = writers.files
            batch: list[tuple[Job, bytearray]] = []
            for job in jobs:
                try:
                    if job.size <= files.small_size:
                        data = bytearray(job.size)
                        read_job(draft, job, 0, memoryview(data))
                        batch.append((job, data))
                    else:
                        self._store_large(draft, job, files)
                except OSError:
                    self._early.lost(draft, job.ino)
            for start in range(0, len(batch), _BATCH_FILES):
                some = batch[start : start + _BATCH_FILES]
                contents = files.small([data for _job, data in some])
                for (job, _data), (digest, extra) in zip(some, contents, strict=True):
                    self._note(draft, Stored(job.ino, job.counter, digest, extra, job.size))

    def _store_large(self, draft: Path, job: Job, files: FileWriter) -> None:
        growth = self._early.growth(draft, job)
        if growth is None:
            return
        files.grow(growth, job.size, lambda at, view: read_job(draft, job, at, view), final=job.final)
        if job.final:
            self._early.lost(draft, job.ino)
            self._note(draft, Stored(job.ino, job.counter, *files.content(growth), job.size))

    def _note(self, draft: Path, result: Stored) -> None:
        self._results.append((draft, result))
        self._early.stored(draft, result)

    def flush(self) -> list[tuple[Path, Stored]]:
        """Make all that was stored durable, and give the results since the last flush.

        Until `taken_over` gc waits for this process: no row speaks of the results yet.

        Raises:
            StorageError: It could not be done; what was not flushed is not stored.
        """
        with self._writing() as writers:
            for draft, ino, growth in self._early.news():  # so that their data files need not be kept
                stored = Stored(ino, growth.counter, *writers.files.content(growth), growth.end)
                self._results.append((draft, stored))
            writers.nodes.flush()
        results, self._results = self._results, []
        return results

    def taken_over(self) -> None:
        """The results of the last flush are in the rows of their drafts, or were not wanted any more."""
        self._end_session()
        self._early.forget_whole()

    def commit(self, draft: Path, request: CommitRequest, report: Callable[[Report], None]) -> Outcome:
        """Make a version of a frozen draft.

        Args:
            draft: Its directory; nothing checkpoints it before `SnapshotTaken` was reported.
            request: What was asked for.
            report: Is told how far it is, and after the version is published of what the draft can take over.

        Raises:
            ArtfsError: It cannot be done; nothing was published.
        """
        self._drop_what_failed()
        with FrozenDraft(draft, self._store) as frozen, self._writing() as writers:
            report(SnapshotTaken())  # from here on only this process's session keeps gc from what was frozen
            outcome = Committer(self._store, draft, frozen, writers, self._early, report).commit(request)
            if not self._results:
                self.taken_over()
            return outcome

    @contextmanager
    def _writing(self) -> Iterator[Writers]:
        """Write; whatever fails, all that was not flushed is given up."""
        try:
            if self._writers is None:
                self._writers = Writers.begin(self._store, self._chunker)
                self._early.look_up_again()
            yield self._writers
        except OSError as error:
            self._drop()
            raise StorageError.of(error, "storing files of a draft") from error
        except ArtfsError:
            self._drop()
            raise

    def _drop_what_failed(self) -> None:
        """Let a commit not fail because something did in the background: there may be room on the disk by now."""
        if self._writers is not None:
            try:
                self._writers.chunks.wait()
            except StorageError:
                self._drop()

    def _drop(self) -> None:
        self._end_session()
        self._results.clear()
        self._early.forget()

    def _end_session(self) -> None:
        writers, self._writers = self._writers, None
        if writers is not None:
            writers.close()
