"""Runs: filtered and sorted by what is known of them, their config and summary too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.documents.document import Document
from artfs.documents.graph import run_document, run_with_edges_document
from artfs.errors import InvalidInputError
from artfs.lineage import current_view
from artfs.lineage.find_run import find_run
from artfs.web.cursors import cursor, page_of, read_cursor
from artfs.web.run_values import RunFilter, column_names, sort_key

if TYPE_CHECKING:
    from artfs.store.store import Store
    from artfs.web.query import Query

__all__ = ["run", "runs"]


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
        name = order.removeprefix("-")
        known = [run for run in found if sort_key(run, name) is not None]
        known.sort(key=lambda run: sort_key(run, name) or (), reverse=order.startswith("-"))
        found = known + [run for run in found if sort_key(run, name) is None]
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
