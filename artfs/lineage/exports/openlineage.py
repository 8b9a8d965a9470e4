"""OpenLineage export: the runs of the graph as events of its specification 2-0-2."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from artfs.catalog import EdgeKind, state_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import Edge, Run, View
    from artfs.lineage.graph import Step

__all__ = ["run_events"]

_SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
_VERSION_FACET: Final = "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json"
_PRODUCER: Final = "https://pypi.org/project/artfs/"
_ENDED: Final = {"finished": "COMPLETE", "failed": "FAIL", "crashed": "ABORT"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def run_events(view: View, steps: Iterable[Step]) -> Iterator[dict[str, Any]]:
    """Yield a START event for each run that a walk meets, and an event for its end, if it has ended.

    The UUID of a run is computed from the store's id and the run's, and so the same each time. A run that crashed, of
    which that is not recorded yet, has ended when it was started, if the view does not say more.
    """
    store = view.state().store_id
    for step in steps:
        if step.new and isinstance(step.node, str):
            run = view.resolve_run(step.node)
            yield _event(view, store, run, "START", run.started_ns)
            state = state_now(run)
            if state in _ENDED:
                yield _event(view, store, run, _ENDED[state], run.ended_ns or run.started_ns)


def _event(view: View, store: bytes, run: Run, kind: str, time_ns: int) -> dict[str, Any]:
    namespace = f"artfs://{store.hex()}"
    job = run.fields.job_type or run.fields.name or run.id
    facets = {"artfs_run": {**_base("RunFacet"), "id": run.id, "name": run.fields.name, "host": run.host}}
    return {
        "eventType": kind,
        "eventTime": (_EPOCH + timedelta(microseconds=time_ns // 1000)).isoformat(timespec="microseconds"),
        "producer": _PRODUCER,
        "schemaURL": f"{_SPEC}#/$defs/RunEvent",
        "run": {"runId": str(uuid.uuid5(uuid.UUID(bytes=store), run.id)), "facets": facets},
        "job": {"namespace": namespace, "name": job},
        "inputs": [
            _dataset(view, namespace, edge, "inputFacets", "InputDatasetFacet")
            for edge in view.edges_of_run(run.id, EdgeKind.USED)
        ],
        "outputs": [
            _dataset(view, namespace, edge, "outputFacets", "OutputDatasetFacet")
            for edge in view.edges_of_run(run.id, EdgeKind.LOGGED)
        ],
    }


def _dataset(view: View, namespace: str, edge: Edge, place: str, facet: str) -> dict[str, Any]:
    """Name a dataset as its artifact, with the version and the source of the edge as facets."""
    artifact = view.artifact(edge.artifact)
    version = {"_producer": _PRODUCER, "_schemaURL": f"{_VERSION_FACET}#/$defs/DatasetVersionDatasetFacet"}
    return {
        "namespace": namespace,
        "name": f"artifact {edge.artifact}" if artifact is None else artifact.name,
        "facets": {"version": {**version, "datasetVersion": f"v{edge.index}"}},
        place: {"artfs_edge": {**_base(facet), "how": edge.how, "entries": edge.entries}},
    }


def _base(definition: str) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}#/$defs/{definition}"}
