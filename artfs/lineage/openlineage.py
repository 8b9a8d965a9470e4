"""The runs of the graph as OpenLineage events (https://openlineage.io/spec/2-0-2/OpenLineage.json)."""

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
    """Yield a START event of each run that a walk meets, and one that says how it ended, if it did.

    A run's id is a UUID that is made of the store's id and the run's, and so the same each time. A run that crashed and
    is not noted as such yet has ended when it was started, as far as is known.
    """
    store = view.state().store_id
    for step in steps:
        if step.new and isinstance(step.node, str):
            run = view.known_run(step.node)
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
    """A version is a dataset, named as its artifact, of that version; how the edge was learnt is a facet of its own."""
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
