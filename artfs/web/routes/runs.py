"""Runs: filtered and sorted by what is known of them, their config and summary too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.documents.document import Document
from artfs.documents.graph import run_document, run_with_edges_document
from artfs.documents.run_history import curves
from artfs.documents.run_values import RunFilter, column_names, sorted_runs
from artfs.errors import InvalidInputError
from artfs.lineage import StepFiles, current_view
from artfs.lineage.find_run import find_run
from artfs.web.cursors import cursor, page_of, read_cursor

if TYPE_CHECKING:
    from artfs.store.store import Store
    from artfs.web.query import Query

__all__ = ["run", "run_history", "runs"]


def runs(store: Store, query: Query) -> Document:
    """`api/runs?state=&job=&q=&sort=&after=`: the newest first, or in an order.

    A page begins behind the run that ended the one before, wherever new runs have come in the order.
    """
    wanted, order = RunFilter(query.text("q")), query.text("sort")
    state, job, after = (
        query.text("state"),
        query.text("job"),
        read_cursor(query.text("after")).decode(errors="replace"),
    )
    with current_view(store) as view:
        everyone = list(view.runs(newest_first=True))
    found = [
        run for run in everyone if state in {"", run.state} and job in {"", run.fields.job_type} and wanted.takes(run)
    ]
    if order:
        found = sorted_runs(found, order)
    places = {run.id: place for place, run in enumerate(found, 1)} if after else {}
    if after and after not in places:
        raise InvalidInputError("the run before this page is not listed any more: begin with the first page")
    page, following = page_of(iter(found[places.get(after, 0) :]), query.limit())
    return {
        "runs": [run_document(run) for run in page],
        "columns": column_names(everyone),
        "jobs": sorted({run.fields.job_type for run in everyone}),
        "total": len(found),
        "next": cursor(page[-1].id) if following else None,
    }


def run(store: Store, query: Query) -> Document:
    """`api/runs/ID`: as `artfs runs show`."""
    with current_view(store) as view:
        return run_with_edges_document(view, find_run(view, query.part("id")))


def run_history(store: Store, query: Query) -> Document:
    """`api/runs/ID/history?limit=`: curves of what it logged, each of at most `limit` points."""
    with current_view(store) as view:
        found = find_run(view, query.part("id"))
    rows = StepFiles(store.layout.steps, found.id).rows()
    return {"id": found.id, "name": found.fields.name, "steps": len(rows), **curves(rows, query.limit())}
