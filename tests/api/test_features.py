"""What users of the Python API were promised, row by row."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest

import artfs
from artfs.errors import ArtifactFinalizedError, ArtifactNotLoggedError, NotFoundError, ReferenceGoneError

UNLOGGED_HAS = {
    *("name", "type", "description", "metadata", "tags", "digest", "size", "state", "id", "manifest"),
    *("qualified_name", "source_name", "is_draft", "is_finalized", "finalize", "save"),
    *("add_file", "add_dir", "add_reference", "new_file", "remove"),
}
LOGGED_HAS = {
    *("version", "aliases", "ttl", "file_count", "created_at", "get_entry", "files", "file", "open", "path"),
    *("download", "checkout", "verify", "new_draft", "delete", "wait", "diff"),
    *("logged_by", "used_by", "ancestors", "descendants"),
}
TAKES = {
    "Artifact.add_file": ["local_path", "name", "policy", "overwrite"],
    "Artifact.add_dir": ["local_path", "name", "ignore", "merge"],
    "Artifact.add_reference": ["uri", "name", "checksum", "max_objects"],
    "Artifact.new_file": ["name", "mode", "encoding"],
    "Artifact.remove": ["item"],
    "Artifact.get_entry": ["name"],
    "Artifact.open": ["path"],
    "Artifact.download": ["root", "allow_missing_references", "path_prefix"],
    "Artifact.checkout": ["root"],
    "Artifact.verify": ["root"],
    "Artifact.delete": ["delete_aliases"],
    "Artifact.wait": ["timeout"],
    "Artifact.diff": ["other"],
    "Run.log_artifact": ["artifact_or_path", "name", "type", "aliases", "tags", "if_changed", "follow_links"],
    "Run.use_artifact": ["artifact_or_name", "type", "aliases", "use_as"],
    "Run.upsert_artifact": ["artifact_or_path", "distributed_id"],
    "Run.finish_artifact": ["artifact_or_path", "distributed_id"],
    "Run.finish": [],
    "Api.artifact": ["name", "type"],
    "Api.artifacts": ["type_name", "name", "per_page", "tags", "order", "type"],
    "Api.artifact_types": [],
    "Api.artifact_collections": ["project_name", "type_name", "per_page", "type"],
    "Api.runs": ["path", "filters", "order", "per_page"],
    "Api.run": ["path"],
    "Api.artifact_exists": ["name", "type"],
    "init": ["name", "job_type", "config", "id", "store"],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"png")
    (tmp_path / "a.png").write_bytes(b"another")
    return tmp_path


@pytest.fixture
def run(place: Path) -> Iterator[artfs.Run]:
    assert place.is_dir()
    with artfs.init(name="prep", job_type="preprocess", config={"lr": 0.1}) as run:
        yield run


def filled(name: str = "animals") -> artfs.Artifact:
    artifact = artfs.Artifact(name, type="dataset", description="photos", metadata={"n": 1})
    artifact.add_dir("images")
    artifact.add_file("a.png", name="x/a.png")
    with artifact.new_file("labels.csv") as file:
        file.write("a,b\n")
    return artifact


@pytest.mark.parametrize("name", TAKES)
def test_the_promised_arguments_are_taken_in_that_order(name: str) -> None:
    function: object = artfs
    for part in name.split("."):
        function = getattr(function, part)
    assert callable(function)
    taken = list(inspect.signature(function).parameters)
    assert [each for each in taken if each in TAKES[name]] == TAKES[name]


def test_an_unlogged_artifact_has_what_needs_no_version_and_nothing_else(place: Path) -> None:
    artifact = filled()
    assert [name for name in UNLOGGED_HAS if not hasattr(artifact, name)] == []
    assert [name for name in LOGGED_HAS if not hasattr(artfs.Artifact, name)] == []
    assert (artifact.name, artifact.type, artifact.description, artifact.metadata) == (
        "animals",
        "dataset",
        "photos",
        {"n": 1},
    )
    assert (artifact.state, artifact.id, artifact.size, artifact.is_draft()) == ("PENDING", None, 14, True)
    assert sorted(artifact.manifest.entries) == ["a.png", "labels.csv", "x/a.png"]
    entry = artifact.manifest.entries["x/a.png"]
    assert (entry.path, entry.size, entry.ref, entry.etag, entry.version_id) == ("x/a.png", 7, None, None, None)
    assert entry.extra == {}
    for name in ("version", "aliases", "ttl", "file_count", "created_at", "path"):
        with pytest.raises(ArtifactNotLoggedError) as caught:
            getattr(artifact, name)
        assert type(caught.value) is ArtifactNotLoggedError
    assert place.is_dir()


def test_artifact_as_a_version_has_all_and_does_not_change(run: artfs.Run) -> None:
    logged = run.log_artifact(filled(), aliases=["best"], tags=["clean"])
    assert [name for name in UNLOGGED_HAS | LOGGED_HAS if not hasattr(logged, name)] == []
    assert (logged.name, logged.version, logged.qualified_name, logged.source_name) == (
        *("animals:v0", "v0"),
        *("animals:v0", "animals:v0"),
    )
    assert (sorted(logged.aliases), logged.tags, logged.ttl) == (["best", "latest"], ["clean"], None)
    assert (logged.size, logged.file_count, logged.state) == (14, 3, "COMMITTED")
    assert datetime.fromisoformat(logged.created_at) - datetime.now(UTC) < timedelta(minutes=1)
    assert logged.id
    assert logged.wait(timeout=1) is logged
    for change in (
        lambda: logged.add_file("a.png"),
        lambda: logged.add_dir("images"),
        lambda: logged.add_reference("file:///x"),
        lambda: logged.new_file("x"),
        lambda: logged.remove("a.png"),
    ):
        with pytest.raises(ArtifactFinalizedError) as caught:
            change()
        assert type(caught.value) is ArtifactFinalizedError


def test_download_and_checkout_go_to_folders_named_after_the_artifact(run: artfs.Run, place: Path) -> None:
    logged = run.log_artifact(filled())
    assert logged.download() == str(place / "artifacts" / "animals:v0")
    assert logged.checkout() == str(place / "artifacts" / "animals")
    (place / "artifacts" / "animals" / "more").write_text("more")
    logged.checkout()
    assert not (place / "artifacts" / "animals" / "more").exists()
    part = logged.download(root="part", path_prefix="x/")
    assert [path.name for path in Path(part).rglob("*.*")] == ["a.png"]
    logged.verify()
    assert logged.path == place / "artifacts" / "animals:v0"


def test_add_reference_gives_the_entries_and_remove_takes_entries_and_paths(place: Path) -> None:
    artifact = filled()
    entries = artifact.add_reference((place / "images").as_uri(), name="in", checksum=False)
    assert [(entry.path, entry.size, entry.digest) for entry in entries] == [("in/a.png", 3, None)]
    assert entries[0].ref_target() == (place / "images" / "a.png").as_uri()
    artifact.remove(entries[0])
    artifact.remove(PurePosixPath("x"))
    artifact.remove("labels.csv")
    assert list(artifact.manifest.entries) == ["a.png"]


def test_a_reference_whose_source_is_gone_fails_at_download_or_is_skipped(run: artfs.Run, place: Path) -> None:
    artifact = filled()
    artifact.add_reference((place / "a.png").as_uri(), name="ref.png")
    logged = run.log_artifact(artifact)
    (place / "a.png").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        logged.download()
    assert type(caught.value) is ReferenceGoneError
    root = Path(logged.download(allow_missing_references=True))
    assert sorted(path.name for path in root.rglob("*.*")) == ["a.png", "a.png", "labels.csv"]


def test_aliases_tags_and_metadata_are_edited_in_place_and_pushed_by_save(run: artfs.Run) -> None:
    logged = run.log_artifact(filled())
    logged.aliases.append("best")
    logged.tags.append("clean")
    logged.metadata["n"] = 2
    logged.description = "more photos"
    logged.ttl = timedelta(days=3)
    logged.save()
    found = artfs.Api().artifact("animals:best")
    assert (found.tags, found.metadata, found.description, found.ttl) == (
        *(["clean"], {"n": 2}),
        *("more photos", timedelta(days=3)),
    )


def test_save_and_use_artifact_of_an_unlogged_artifact_log_it(run: artfs.Run) -> None:
    saved, used = filled("saved"), filled("used")
    saved.save()
    assert run.use_artifact(used) is used
    assert (saved.name, used.name) == ("saved:v0", "used:v0")
    assert [artifact.name for artifact in run.logged_artifacts()] == ["saved:v0"]
    draft = saved.new_draft()
    draft.remove("labels.csv")
    draft.save()
    assert (draft.version, draft.file_count, saved.file_count) == ("v1", 2, 3)


def test_the_same_contents_again_make_the_next_version_unless_if_changed(run: artfs.Run) -> None:
    assert [run.log_artifact(filled()).version for _ in range(2)] == ["v0", "v1"]
    assert run.log_artifact(filled(), if_changed=True).version == "v1"


def test_a_path_is_logged_under_the_name_of_run_and_file(run: artfs.Run) -> None:
    assert run.log_artifact("a.png").name == f"run-{run.id}-a.png:v0"
    assert run.log_artifact("images", name="named", type="raw").type == "raw"


def test_run_has_its_artifacts_summary_and_state_and_is_resumed(run: artfs.Run) -> None:
    run.use_artifact(run.log_artifact(filled()))
    run.summary["loss"] = 0.5
    run.finish()
    found = artfs.Api().run(run.id)
    assert (found.name, found.job_type, found.state, found.config["lr"]) == ("prep", "preprocess", "finished", 0.1)
    assert found.summary == {"loss": 0.5}
    assert [each.name for each in found.logged_artifacts() + found.used_artifacts()] == ["animals:v0"] * 2
    resumed = artfs.init(id=run.id)
    assert (resumed.id, resumed.state) == (run.id, "running")
    found.log_artifact(filled())
    assert [each.name for each in resumed.logged_artifacts()] == ["animals:v0", "animals:v1"]


def test_api_finds_lists_and_tells_what_exists(run: artfs.Run) -> None:
    for tags in (["clean"], ["clean", "small"]):
        run.log_artifact(filled(), tags=tags)
    api = artfs.Api()
    assert api.artifact("animals").version == "v1"
    assert [each.version for each in api.artifacts("animals", order="+version_index")] == ["v0", "v1"]
    assert [each.version for each in api.artifacts("animals", type="dataset", order="-")] == ["v1", "v0"]
    assert [each.version for each in api.artifacts("animals", tags=["small", "clean"])] == ["v1"]
    assert [each.name for each in api.artifact_types()] == ["dataset"]
    assert [each.name for each in api.artifact_collections("dataset")] == ["animals"]
    assert [each.id for each in api.runs()] == [run.id]
    assert (api.artifact_exists("animals:v1"), api.artifact_exists("animals:v2")) == (True, False)
    with pytest.raises(NotFoundError) as caught:
        api.artifact("animals:v2")
    assert type(caught.value) is NotFoundError
