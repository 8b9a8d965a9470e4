"""The graph of runs and versions: long chains, diamonds, circles; as a tree and in other programs' languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import pydot
import pytest
from referencing import Registry, Resource

from artfs.catalog import Catalog, NewRun, Version, VersionUse, View
from artfs.documents.graph import graph_lines
from artfs.errors import InvalidInputError
from artfs.format.operations import ArtifactCreated, Op, VersionCreated, VersionFields
from artfs.format.runs import RunFields, RunStarted, RunUsed
from artfs.lineage.exports.dot import dot_lines
from artfs.lineage.exports.mermaid import mermaid_lines
from artfs.lineage.exports.openlineage import run_events
from artfs.lineage.exports.tree import tree_lines
from artfs.lineage.graph import BOTH, Direction, Key, walk
from tests.support.data.catalogs import WHO, CatalogPlace, check, log, ref, tree

CHAIN = 100_000
_SCHEMAS = Path(__file__).parents[1] / "data/openlineage"
NASTY = 'a "b" \\n #quot; <b> `x` | ] \n é'


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with CatalogPlace.make(tmp_path / "store").open() as opened:
        yield opened
        assert check(opened) == []


def make(catalog: Catalog, run: str, used: Sequence[str], logged: str, name: str | None = None) -> Version:
    """A run that uses versions and logs one."""
    catalog.start_run(NewRun(run, name), WHO)
    for text in used:
        catalog.use_version(run, ref(text), WHO, how="open")
    version = log(catalog, logged, logged_by=run, how="commit").version
    catalog.finish_run(run, "finished", WHO, exit_code=0)
    return version


@pytest.fixture
def diamond(catalog: Catalog) -> Key:
    """What raw, left and right, and both became: `both:v0`."""
    make(catalog, "aaaaaaaa", [], "raw")
    make(catalog, "bbbbbbbb", ["raw"], "left")
    make(catalog, "cccccccc", ["raw"], "right")
    both = make(catalog, "dddddddd", ["left", "right"], "both", NASTY)
    return both.artifact, both.index


def lines_of(catalog: Catalog, start: Key, direction: Direction, depth: int | None = None) -> list[str]:
    with catalog.view() as view:
        return list(tree_lines(view, [start], [direction], depth))


def test_a_diamond_shows_each_node_once_in_full_and_then_refers_to_it(catalog: Catalog, diamond: Key) -> None:
    assert lines_of(catalog, diamond, Direction.UP) == [
        "both:v0",
        '└─ logged by run dddddddd a "b" \\n #quot; <b> `x` | ] \\n é finished (commit)',
        "   ├─ used left:v0 (open)",
        "   │  └─ logged by run bbbbbbbb finished (commit)",
        "   │     └─ used raw:v0 (open)",
        "   │        └─ logged by run aaaaaaaa finished (commit)",
        "   └─ used right:v0 (open)",
        "      └─ logged by run cccccccc finished (commit)",
        "         └─ used raw:v0 (open), as above",
    ]


def test_a_depth_counts_runs_and_is_the_same_in_every_form(catalog: Catalog, diamond: Key) -> None:
    assert lines_of(catalog, diamond, Direction.UP, 0) == ["both:v0"]
    assert [line.lstrip("│├└─ ") for line in lines_of(catalog, diamond, Direction.UP, 1)[2:]] == [
        "used left:v0 (open)",
        "used right:v0 (open)",
    ]
    with catalog.view() as view:
        assert sum(step.new for step in walk(view, [diamond], [Direction.UP], 1)) == 4
        for lines in (tree_lines(view, [diamond], depth=-1), walk(view, [diamond], depth=-1)):
            with pytest.raises(InvalidInputError, match="negative"):
                next(iter(lines))


def test_a_version_in_the_middle_shows_both_ways(catalog: Catalog, diamond: Key) -> None:
    del diamond
    with catalog.view() as view:
        left = view.resolve(ref("left"))
        lines = list(tree_lines(view, [(left.artifact, left.index)]))
    assert [line[:18] for line in lines if line[0] in "├└"] == ["├─ logged by run b", "└─ used by run ddd"]


def test_a_circle_ends(catalog: Catalog) -> None:
    version = make(catalog, "aaaaaaaa", [], "state")
    catalog.use_version("aaaaaaaa", ref("state"), WHO)
    start = (version.artifact, version.index)
    with catalog.view() as view:
        assert sum(step.edge is not None for step in walk(view, [start])) == 2
    assert lines_of(catalog, start, Direction.UP)[-1].endswith("used state:v0 (api), as above")


def test_how_much_was_opened_is_said(catalog: Catalog) -> None:
    version = make(catalog, "aaaaaaaa", [], "raw")
    start = (version.artifact, version.index)
    catalog.start_run(NewRun("bbbbbbbb"), WHO)
    catalog.use_versions("bbbbbbbb", [VersionUse(*start, 5, 2, (b"a\xff", b"b"))], WHO)
    assert lines_of(catalog, start, Direction.DOWN)[1] == "└─ used by run bbbbbbbb running (open, 2 entries)"
    with catalog.view() as view:
        document = json.loads("".join(graph_lines(view, [start], walk(view, [start]))))
    assert document["edges"][1]["paths"] == [{"path": "a\ufffd", "path_base64": "Yf8="}, {"path": "b"}]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pydot's own, when it loads its parser
def test_dot_is_read_by_a_parser_of_it_and_has_every_node_and_edge(catalog: Catalog, diamond: Key) -> None:
    with catalog.view() as view:
        text = "\n".join(dot_lines(view, walk(view, [diamond])))
    [graph] = pydot.graph_from_dot_data(text) or []
    assert (len(graph.get_nodes()), len(graph.get_edges())) == (8, 8)
    labels = {node.get("label") for node in graph.get_nodes()}
    assert '"run dddddddd a \\"b\\" \\\\n #quot; <b> `x` | ] \\\\n é finished"' in labels


def test_mermaid_has_nothing_in_its_texts_that_means_something(catalog: Catalog, diamond: Key) -> None:
    with catalog.view() as view:
        first, *lines = mermaid_lines(view, walk(view, [diamond]))
    assert first == "flowchart LR"
    text = r'"(?:[\w \-.,:()\[\]/]|#\d+;)*"'
    node, name = rf"  version_\d+_\d+\[{text}\]|  run_\w{{8}}\(\[{text}\]\)", r"(?:version_\d+_\d+|run_\w{8})"
    edge = rf"  {name} -->\|{text}\| {name}"
    assert sum(re.fullmatch(node, line) is not None for line in lines) == 8
    assert sum(re.fullmatch(edge, line) is not None for line in lines) == 8


def test_json_has_every_node_and_edge_with_how_it_was_learnt(catalog: Catalog, diamond: Key) -> None:
    with catalog.view() as view:
        document = json.loads("".join(graph_lines(view, [diamond], walk(view, [diamond]))))
    ids = {node["id"] for node in document["nodes"]}
    assert document["start"] in ids
    assert len(ids) == 8
    names = {node["id"]: node.get("ref") or node["run"] for node in document["nodes"]}
    assert {(names[edge["from"]], names[edge["to"]], edge["how"]) for edge in document["edges"]} == {
        ("aaaaaaaa", "raw:v0", "commit"),
        ("raw:v0", "bbbbbbbb", "open"),
        ("raw:v0", "cccccccc", "open"),
        ("bbbbbbbb", "left:v0", "commit"),
        ("cccccccc", "right:v0", "commit"),
        ("left:v0", "dddddddd", "open"),
        ("right:v0", "dddddddd", "open"),
        ("dddddddd", "both:v0", "commit"),
    }


def test_openlineage_events_are_valid_by_its_published_schema(catalog: Catalog, diamond: Key) -> None:
    catalog.start_run(NewRun("eeeeeeee"), WHO)
    catalog.use_version("eeeeeeee", ref("both"), WHO)
    with catalog.view() as view:
        events = list(run_events(view, walk(view, [diamond])))
    going = [event for event in events if event["run"]["facets"]["artfs_run"]["id"] == "eeeeeeee"]
    assert [event["eventType"] for event in going] == ["START"]
    assert len(events) == 9
    event_schema = validator("OpenLineage.json")
    facet_schema = validator("DatasetVersionDatasetFacet.json")
    for event in events:
        event_schema.validate(event)
        for dataset in event["inputs"] + event["outputs"]:
            facet_schema.validate(dataset["facets"])
    with pytest.raises(jsonschema.ValidationError):
        event_schema.validate({**events[0], "eventTime": "yesterday"})


def validator(name: str) -> Any:
    """A validator of one of the schemas, which name each other by their addresses."""
    schemas = [json.loads(path.read_text()) for path in _SCHEMAS.glob("*.json")]
    known = Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)
    schema = json.loads((_SCHEMAS / name).read_text())
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, registry=known, format_checker=checker)


class _Counting(View):
    """Counts what is looked at."""

    __slots__ = ("looked",)

    def version(self, artifact: int, index: int, *, deleted: bool = False) -> Version | None:
        self.looked = getattr(self, "looked", 0) + 1
        return super().version(artifact, index, deleted=deleted)


def chain(count: int) -> Iterator[Op]:
    """An artifact each of whose versions was logged by a run that used the one before."""
    yield ArtifactCreated(16, "chain", "dataset", 1)
    for index in range(count):
        run = f"{index:08}"
        yield RunStarted(run, RunFields(), index + 1, "ann", "lab", 1)
        if index:
            yield RunUsed(run, 16, index - 1, "open", index)
        yield VersionCreated(17 + index, 16, index, tree("x"), 1, VersionFields(), run)


def test_a_chain_of_a_hundred_thousand_runs_is_walked_in_linear_work_and_tells_its_first_line_at_once(
    tmp_path: Path,
) -> None:
    with CatalogPlace.make(tmp_path / "store").open() as catalog:
        ops = chain(CHAIN)
        while some := list(islice(ops, 60_000)):
            catalog.publish(lambda _view, some=some: some, WHO)  # type: ignore[misc]
        with _Counting(catalog.environment.begin_read()) as view:
            start = (16, CHAIN - 1)
            lines = tree_lines(view, [start], [Direction.UP])
            assert next(lines) == f"chain:v{CHAIN - 1}"
            assert view.looked <= 2
            sizes = [len(line) for line in lines]
            assert len(sizes) == 2 * CHAIN - 1
            assert max(sizes) < 200
            assert view.looked <= 3 * CHAIN
            assert sum(step.new for step in walk(view, [start], BOTH)) == 2 * CHAIN
            assert sum(step.new for step in walk(view, [(16, 0)], [Direction.DOWN], CHAIN)) == 2 * CHAIN - 1
