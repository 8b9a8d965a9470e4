"""What versions refer to elsewhere, where lineage names them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import artfs as api
from tests.support.commands import Commands
from tests.support.objects.web import WebServer, web_server


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A web server with `labels.csv`."""
    with web_server(WebServer()) as server:
        server.put("labels.csv", b"a,cat\n")
        yield server


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with 3 files."""
    path = tmp_path / "data"
    path.mkdir()
    for name in ("a", "b", "c"):
        (path / name).write_text(name)
    return path


def _train(store: Path, *inputs: str, references: tuple[str, ...] = ()) -> str:
    """Run a step that uses URIs, and logs a model with references; return its id."""
    with api.init(store=store, name="train") as run:
        for each in inputs:
            run.use_artifact(each)
        model = api.Artifact("model", type="model", store=store)
        with model.new_file("weights") as file:
            file.write("1")
        for number, uri in enumerate(references):
            model.add_reference(uri, name=f"references/{number}")
        run.log_artifact(model)
    model.store.close()
    return run.id


def test_a_uri_that_a_run_used_is_named_by_lineage_and_by_the_run(artfs: Commands, server: WebServer) -> None:
    uri = server.url("labels.csv")
    run = _train(artfs.store, uri)
    (used,) = [node["ref"] for node in artfs.done("lineage", "model", "--json").json["nodes"] if "references" in node]
    lines = artfs.done("lineage", "model", "--up").lines
    assert lines[0] == "model:v0"
    assert lines[2] == f"   └─ used {used} (refers to {uri}) (api)"
    assert f"used       {used} (refers to {uri}) (api)" in artfs.done("runs", "show", run).lines
    assert f"{used} (refers to {uri})" in artfs.done("lineage", "model", "--format", "dot").text
    expected = {"count": 1, "complete": True, "uris": [uri]}
    edges = artfs.done("runs", "show", run, "--json").json["edges"]
    assert [edge.get("references") for edge in edges] == [expected, None]
    nodes = artfs.done("lineage", "model", "--json").json["nodes"]
    assert [node["references"] for node in nodes if "references" in node] == [expected]


def test_of_several_objects_it_says_what_they_are_below(artfs: Commands, directory: Path, server: WebServer) -> None:
    run = _train(artfs.store, directory.as_uri(), references=(server.url("labels.csv"), f"{directory.as_uri()}/a"))
    lines = artfs.done("runs", "show", run).lines
    assert lines[-2].endswith(f" (refers to 3 objects below {directory.as_uri()}/) (api)")
    assert lines[-1] == f"logged     model:v0 (refers to 2 objects, {server.url('labels.csv')} ...) (api)"


def test_of_many_objects_only_the_first_entries_are_looked_at(artfs: Commands, directory: Path) -> None:
    for number in range(200):
        (directory / f"d{number:03}").write_text("")
    run = _train(artfs.store, directory.as_uri())
    (used, _logged) = artfs.done("runs", "show", run, "--json").json["edges"]
    assert (used["references"]["count"], used["references"]["complete"]) == (100, False)
    assert used["references"]["uris"] == [f"{directory.as_uri()}/{name}" for name in ("a", "b", "c")] + [
        f"{directory.as_uri()}/d{number:03}" for number in range(7)
    ]
    expected = f"(refers to at least 100 objects, the first {directory.as_uri()}/a) (api)"
    assert artfs.done("runs", "show", run).lines[-2].endswith(expected)


def test_lineage_outlives_the_references(artfs: Commands, server: WebServer) -> None:
    run = _train(artfs.store, server.url("labels.csv"))
    (used, _logged) = artfs.done("runs", "show", run, "--json").json["edges"]
    artfs.done("rm", used["ref"], "--delete-aliases")
    assert f"(refers to {server.url('labels.csv')}) (deleted) (api)" in artfs.done("runs", "show", run).text
    artfs.done("gc", "--now")
    assert f"used       {used['ref']} (deleted) (api)" in artfs.done("runs", "show", run).lines
