"""Many processes add to one version, one finishes it."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

import artfs
from artfs.api.artifact.artifact import Artifact
from artfs.api.init import init
from artfs.api.public import Api
from artfs.api.run.run import Run
from artfs.errors import ArtifactFinalizedError, ConflictError, InvalidInputError
from tests.support.data.checked import assert_clean

GROUP = "shards of epoch 1"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def run(place: Path) -> Run:
    return init(store=place)


def unlogged(run: Run, **files: str) -> Artifact:
    artifact = Artifact("shards", store=run.store_path)
    for name, text in files.items():
        with artifact.new_file(name) as file:
            file.write(text)
    return artifact


def test_processes_add_to_one_version_and_one_finishes_it(run: Run, place: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add_in_child, args=(str(place), number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert not Api(place).artifact_exists("shards")
    finished = run.finish_artifact(unlogged(run, index="all"), distributed_id=GROUP)
    assert finished.name == "shards:v0"
    assert sorted(finished.manifest.entries) == ["index", "part/0", "part/1", "part/2", "part/3"]
    assert finished.open("part/3").read() == b"3"
    assert [artifact.name for artifact in run.logged_artifacts()] == ["shards:v0"]
    contributed = Api(place).runs()
    assert [[each.name for each in one.logged_artifacts()] for one in contributed] == [["shards:v0"]] * 5
    maker = finished.logged_by()
    assert maker is not None
    assert maker.id == run.id
    assert_clean(place)


def add_in_child(place: str, number: int) -> None:
    with init(store=place) as run:
        run.upsert_artifact(unlogged(run, **{f"part/{number}": str(number)}), distributed_id=GROUP)


def test_what_is_said_by_all_is_united(run: Run) -> None:
    first, second, last = unlogged(run, a="1"), unlogged(run, b="2"), unlogged(run)
    first.metadata, second.metadata, last.metadata = {"a": 1, "x": 1}, {"b": 2, "x": 2}, {"x": 3}
    second.description = "in shards"
    run.upsert_artifact(first, aliases="one", tags="t", distributed_id=GROUP)
    run.upsert_artifact(second, tags=["u"], distributed_id=GROUP)
    finished = run.finish_artifact(last, aliases=["two"], distributed_id=GROUP)
    assert finished.metadata == {"a": 1, "b": 2, "x": 3}
    assert (sorted(finished.aliases), finished.tags) == (["latest", "one", "two"], ["t", "u"])
    assert finished.description == "in shards"


def test_the_same_file_from_two_processes_is_fine_and_different_ones_are_a_conflict(run: Run) -> None:
    for text in ("same", "same", "different"):
        run.upsert_artifact(unlogged(run, a=text), distributed_id=GROUP)
    with pytest.raises(ConflictError, match="two processes added 'a'"):
        run.finish_artifact(unlogged(run), distributed_id=GROUP)
    run.upsert_artifact(unlogged(run, a="same"), distributed_id="other")
    run.upsert_artifact(unlogged(run, a="same"), distributed_id="other")
    assert run.finish_artifact(unlogged(run), distributed_id="other").open("a").read() == b"same"


def test_finishing_twice_makes_a_version_of_what_is_there_each_time(run: Run) -> None:
    run.upsert_artifact(unlogged(run, a="1"), distributed_id=GROUP)
    run.finish_artifact(unlogged(run), distributed_id=GROUP)
    again = run.finish_artifact(unlogged(run, b="2"), distributed_id=GROUP)
    assert (again.name, list(again.manifest.entries)) == ("shards:v1", ["b"])


def test_a_part_that_was_added_is_final(run: Run) -> None:
    added = run.upsert_artifact(unlogged(run, a="1"), distributed_id=GROUP)
    with pytest.raises(ArtifactFinalizedError), added.new_file("b") as file:
        file.write("2")
    assert run.finish_artifact(added, distributed_id=GROUP).name == "shards:v0"
    for method in (run.upsert_artifact, run.finish_artifact):
        with pytest.raises(ArtifactFinalizedError):
            method(added, distributed_id=GROUP)


def test_upsert_or_finish_without_distributed_id_is_a_type_error(run: Run) -> None:
    for method in (run.upsert_artifact, run.finish_artifact):
        with pytest.raises(TypeError, match="distributed_id"):
            method(unlogged(run))
        with pytest.raises(InvalidInputError, match="distributed id"):
            method(unlogged(run), distributed_id="two\nlines")


def test_a_second_finish_is_refused_and_makes_no_empty_version(tmp_path: Path) -> None:
    place = tmp_path / "store"
    with artfs.init(store=place) as run:
        part = artfs.Artifact("m", store=place)
        with part.new_file("shard-0") as file:
            file.write("one")
        run.upsert_artifact(part, distributed_id="epoch 3")
        run.finish_artifact(artfs.Artifact("m", store=place), distributed_id="epoch 3")
        for again in ("epoch 3", "never added to"):
            with pytest.raises(ConflictError, match="finish it once"):
                run.finish_artifact(artfs.Artifact("m", store=place), distributed_id=again)
    latest = artfs.Api(place).artifact("m")
    assert (latest.version, list(latest.manifest.entries)) == ("v0", ["shard-0"])
