"""The runs that log the version of a commit: those that wrote into the draft, whoever commits it, and whenever."""

from __future__ import annotations

from collections.abc import Iterable

from artfs.catalog import View
from artfs.drafts.control.commit_request import CommitRequest
from artfs.lineage.find_run import find_run

__all__ = ["logging_runs"]


def logging_runs(view: View, request: CommitRequest, writers: Iterable[str]) -> list[str]:
    """Return the ids of the runs; the first is the one that makes the version.

    Args:
        view: The catalog.
        request: A run that it names is the only one. Otherwise the run that it comes from is the first.
        writers: Ids of the runs that wrote into the draft since its last commit: the one that started last is the first
            of them.

    Raises:
        NotFoundError: There is no run as the request names it.
        ConflictError: There are several.
    """
    if request.logged_by:
        return [find_run(view, request.logged_by).id]
    known = [run for writer in writers if (run := view.run(writer)) is not None]
    known.sort(key=lambda run: (run.started_ns, run.id), reverse=True)
    return list(dict.fromkeys(([request.run] if request.run else []) + [run.id for run in known]))
