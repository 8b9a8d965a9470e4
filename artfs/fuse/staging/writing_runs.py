"""Which runs write into drafts and read them, noted in the drafts themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable

from artfs.drafts.draft import Draft
from artfs.errors import ArtfsError

__all__ = ["WritingRuns"]

_log = logging.getLogger(__name__)


class WritingRuns:
    """Notes the runs of threads that change drafts, or read what these show of a version.

    A request has been carried out when its run is noted, and does not fail if that cannot be: it is logged, once.

    Args:
        run_of: Finds the run of a thread.
    """

    def __init__(self, run_of: Callable[[int], str | None]) -> None:
        self._run_of = run_of
        self._warned = False

    def note(self, draft: Draft, tid: int) -> None:
        """Note that a thread has changed something in a draft, or opened a file there for writing."""
        run = self._run_of(tid)
        if run is not None:
            self._record(run, draft, lambda: draft.record_writer(run))

    def note_open(self, draft: Draft, ino: int, tid: int) -> None:
        """Note that a thread has opened a file in a draft, which it did not empty."""
        run = self._run_of(tid)
        if run is not None:
            self._record(run, draft, lambda: draft.record_reader(run, ino))

    def _record(self, run: str, draft: Draft, record: Callable[[], None]) -> None:
        try:
            record()
        except (OSError, ArtfsError) as error:
            if not self._warned:
                self._warned = True
                _log.warning("run %s used %s, which cannot be noted: %s", run, draft.directory.name, error)
