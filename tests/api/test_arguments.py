"""Arguments that W&B's users pass: what they mean here, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import artfs
from artfs.errors import InvalidInputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.txt"
    path.parent.mkdir()
    path.write_text("a")
    return path


def test_what_has_no_meaning_here_is_taken_and_changes_nothing(tmp_path: Path, file: Path) -> None:
    store = tmp_path / "store"
    plain, full = (artfs.Artifact("a", "model", None, None, False, use, store=store) for use in (None, "input"))
    plain.add_file(file)
    full.add_file(file, skip_cache=True, is_tmp=False)
    plain.add_dir(file.parent, "in")
    full.add_dir(file.parent, "in", skip_cache=True, policy="immutable")
    assert plain.digest == full.digest
    with artfs.init(store=store) as run:
        logged = run.log_artifact(full)
        assert run.use_artifact("a:latest", "model", None, "training").name == "a:v0"
    assert [used.name for used in run.used_artifacts(per_page=10)] == ["a:v0"]
    assert [made.name for made in run.logged_artifacts(per_page=10)] == ["a:v0"]
    assert [entry.path for entry in logged.files(per_page=10)] == [entry.path for entry in logged.files()]
    logged.description = "said"
    logged.save(project="p", settings={"silent": True})
    assert artfs.Api(store).artifact("a").description == "said"
    root = logged.download(str(tmp_path / "out"), False, True, None, False)
    assert sorted(path.name for path in Path(root).rglob("*.txt")) == ["a.txt", "a.txt"]


def test_what_would_mean_something_else_here_is_refused(tmp_path: Path, file: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"new_draft\(\)"):
        artfs.Artifact("a", incremental=True)
    artifact = artfs.Artifact("a", store=tmp_path / "store")
    with pytest.raises(InvalidInputError, match="is_tmp"):
        artifact.add_file(file, is_tmp=True)
    for policy in ("", "copy"):
        with pytest.raises(InvalidInputError, match="'mutable' or 'immutable'"):
            artifact.add_file(file, policy=policy)
        with pytest.raises(InvalidInputError, match="'mutable' or 'immutable'"):
            artifact.add_dir(file.parent, policy=policy)
    with pytest.raises(TypeError, match="storage_region"):
        artfs.Artifact("a", storage_region="here")  # type: ignore[call-arg] # that is what the test is about
    assert len(artifact.manifest.entries) == 0
