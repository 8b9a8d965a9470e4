"""Links: one version under several names, with one lineage."""

from __future__ import annotations

from pathlib import Path

import pytest

import artfs
from artfs.errors import InvalidInputError, NotFoundError
from tests.support.commands import Commands


@pytest.fixture
def commands(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path / "store", capfdbinary, monkeypatch)


def logged(run: artfs.Run, name: str, type_: str, text: str) -> artfs.Artifact:
    artifact = artfs.Artifact(name, type_)
    with artifact.new_file("file.txt") as file:
        file.write(text)
    return run.log_artifact(artifact)


def walked() -> tuple[artfs.Artifact, artfs.Artifact]:
    """Go from a dataset by a run to a model, by a link to a run, and to a report."""
    with artfs.init(name="collect") as run:
        logged(run, "animals", "dataset", "cat")
    with artfs.init(name="train", id="train001") as run:
        run.use_artifact("animals:latest")
        model = logged(run, "net", "model", "weights")
    with artfs.init(name="promote", id="promote1") as run:
        link = run.link_artifact(model, "wandb-registry-net", ["production"])
    with artfs.init(name="report", id="report01") as run:
        run.use_artifact("wandb-registry-net:production")
        logged(run, "summary", "report", "good")
    return model, link


def test_lineage_goes_through_a_link_both_ways(commands: Commands) -> None:
    model, link = walked()
    for one in (model, link):
        assert [a.name for a in one.ancestors()] == ["animals:v0"]
        assert [a.name for a in one.descendants()] == ["summary:v0"]
        assert [run.id for run in one.used_by()] == ["report01"]
        made_by = one.logged_by()
        assert made_by is not None
        assert made_by.id == "train001"
    report = artfs.Api().artifact("summary:v0")
    assert [a.name for a in report.ancestors()] == ["net:v0", "animals:v0"]
    assert [a.name for a in artfs.Api().artifact("animals:v0").descendants()] == ["net:v0", "summary:v0"]
    for name in ("net", "wandb-registry-net:production"):
        text = commands.process("lineage", name).text
        assert text.startswith("net:v0 (linked as wandb-registry-net:v0)\n")
        assert "animals:v0" in text
        assert "summary:v0" in text
        graph = commands.process("lineage", name, "--json").json
        refs = {node.get("ref") for node in graph["nodes"]}
        assert {"animals:v0", "net:v0", "summary:v0"} <= refs
        assert [node["links"] for node in graph["nodes"] if node.get("ref") == "net:v0"] == [["wandb-registry-net:v0"]]


def test_a_link_says_what_it_is_a_link_to(commands: Commands) -> None:
    model, link = walked()
    assert (link.name, link.is_link, link.source_name, link.source_version) == (
        "wandb-registry-net:v0",
        True,
        "net:v0",
        "v0",
    )
    assert (model.is_link, link.source_artifact.name, model.source_artifact is model) == (False, "net:v0", True)
    assert [a.name for a in model.linked_artifacts] == ["wandb-registry-net:v0"]
    shown = commands.process("show", "wandb-registry-net", "--json").json
    assert (shown["link"], shown["logged_by"]) == ({"ref": "net:v0", "run": "promote1"}, "train001")
    assert "(link to net:v0)" in commands.process("log", "wandb-registry-net").text
    assert "v0 (link)" in commands.process("ls").text
    assert "net:v0 by run promote1" in commands.process("show", "wandb-registry-net").text


@pytest.mark.usefixtures("commands")
def test_linking_twice_gives_the_link_that_is_there_and_a_link_of_a_link_leads_to_the_source() -> None:
    model, link = walked()
    again = model.link("wandb-registry-net", "staging")
    assert (again.name, again.aliases) == (link.name, ["latest", "production", "staging"])
    assert link.link("elsewhere").source_name == "net:v0"
    with pytest.raises(InvalidInputError, match="alias instead"):
        link.link("net")


@pytest.mark.usefixtures("commands")
def test_unlink_deletes_the_link_alone() -> None:
    model, link = walked()
    link.unlink()
    assert model.linked_artifacts == []
    with pytest.raises(InvalidInputError, match="no link"):
        model.unlink()
    assert model.link("wandb-registry-net").name == "wandb-registry-net:v1"


def test_a_link_keeps_contents_and_lineage_of_a_deleted_source(commands: Commands) -> None:
    model, _link = walked()
    model.delete()
    assert commands.process("gc", "--now").code == 0
    found = artfs.Api().artifact("wandb-registry-net:production")
    with found.open("file.txt", "r") as file:
        assert file.read() == "weights"
    assert [a.name for a in found.ancestors()] == ["animals:v0"]
    with pytest.raises(NotFoundError, match="is a link to"):
        _ = found.source_artifact
    assert commands.process("fsck").code == 0


@pytest.mark.usefixtures("commands")
def test_link_model_logs_and_links(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"weights")
    with artfs.init() as run:
        first = run.link_model(tmp_path / "weights.pt", "registered", "net", ["best"])
        again = run.link_model(tmp_path / "weights.pt", "registered", "net")
    assert (first.name, first.source_name, first.type, again.name) == ("registered:v0", "net:v0", "model", first.name)
