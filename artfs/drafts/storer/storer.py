"""Store files of drafts in the background, and commit drafts: the work of the storer process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from artfs.chunks.chunker import Chunker
from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.storer.committer import CommitOutcome, Committer, Report, SnapshotOpened
from artfs.drafts.storer.prestored import PrestoredFiles
from artfs.drafts.storer.store_session import StoreSession, job_reader
from artfs.drafts.storer_protocol import StoreJob, StoreResult
from artfs.drafts.view import FrozenDraft
from artfs.errors import ArtfsError, StorageError
from artfs.store import Store

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
        self._session: StoreSession | None = None
        self._prestored = PrestoredFiles(store.catalog)
        self._results: list[tuple[Path, StoreResult]] = []

    def close(self) -> None:
        """Drop what was not flushed."""
        self._drop()

    @property
    def unflushed(self) -> int:
        """Bytes that were stored since the last flush."""
        return self._session.written if self._session is not None else 0

    def store(self, draft: Path, jobs: Sequence[StoreJob]) -> None:
        """Store files in the background.

        Args:
            draft: Their draft's directory.
            jobs: The files; one that cannot be read any more (it was removed meanwhile) is left out.

        Raises:
            StorageError: The store cannot be written; nothing since the last flush is stored.
        """
        with self._writing() as session:
            batch: list[tuple[StoreJob, bytearray]] = []
            for job in jobs:
                try:
                    if job.size <= session.small_size:
                        data = bytearray(job.size)
                        job_reader(draft, job)(0, memoryview(data))
                        batch.append((job, data))
                    else:
                        self._store_large(draft, job, session)
                except OSError:
                    self._prestored.forget(draft, job.ino)
            for start in range(0, len(batch), _BATCH_FILES):
                some = batch[start : start + _BATCH_FILES]
                contents = session.store_small([data for _job, data in some])
                for (job, _data), (digest, extra) in zip(some, contents, strict=True):
                    self._add_result(draft, StoreResult(job.ino, job.counter, digest, extra, job.size))

    def _store_large(self, draft: Path, job: StoreJob, session: StoreSession) -> None:
        partial = self._prestored.resume(draft, job)
        if partial is None:
            return
        session.extend(partial, job.size, job_reader(draft, job), final=job.final)
        if job.final:
            self._prestored.forget(draft, job.ino)
            self._add_result(draft, StoreResult(job.ino, job.counter, *session.content(partial), job.size))

    def _add_result(self, draft: Path, result: StoreResult) -> None:
        self._results.append((draft, result))
        self._prestored.add_complete(draft, result)

    def flush(self) -> list[tuple[Path, StoreResult]]:
        """Make durable all that was stored, and give the results since the last flush.

        Until `end_session` gc waits for this process: no row refers to the results yet.

        Raises:
            StorageError: It could not be done; what was not flushed is not stored.
        """
        with self._writing() as session:
            for draft, ino, partial in self._prestored.pending_acks():  # so that their data files need not be kept
                stored = StoreResult(ino, partial.counter, *session.content(partial), partial.end)
                self._results.append((draft, stored))
            session.writer.flush()
        results, self._results = self._results, []
        return results

    def end_session(self) -> None:
        """Let gc go on: the drafts refer to the results of the last flush, or have no use for them."""
        self._close_session()
        self._prestored.forget_complete()

    def commit(self, draft: Path, request: CommitRequest, report: Callable[[Report], None]) -> CommitOutcome:
        """Make a version of a frozen draft.

        Args:
            draft: Its directory; nothing checkpoints it before `SnapshotOpened` was reported.
            request: What was asked for.
            report: Gets the progress, and once the version is published what the draft is to take over.

        Raises:
            ArtfsError: It cannot be done; nothing was published.
        """
        self._drop_failed_session()
        with FrozenDraft(draft, self._store) as frozen, self._writing() as session:
            report(SnapshotOpened())  # from here on only this process's session keeps gc from what was frozen
            outcome = Committer(self._store, draft, frozen, session, self._prestored, report).commit(request)
            if not self._results:
                self.end_session()
            return outcome

    @contextmanager
    def _writing(self) -> Iterator[StoreSession]:
        """Write; any failure drops all that was not flushed."""
        try:
            if self._session is None:
                self._session = StoreSession(self._store, self._chunker)
                self._prestored.recheck()
            yield self._session
        except OSError as error:
            self._drop()
            raise StorageError.of(error, "storing files of a draft") from error
        except ArtfsError:
            self._drop()
            raise

    def _drop_failed_session(self) -> None:
        """Keep a failure in the background out of a commit: there may be room on the disk by now."""
        if self._session is not None:
            try:
                self._session.writer.wait()
            except StorageError:
                self._drop()

    def _drop(self) -> None:
        self._close_session()
        self._results.clear()
        self._prestored.clear()

    def _close_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
