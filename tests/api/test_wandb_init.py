"""`artfs.init` with the keywords of `wandb.init`: what is kept, what is obeyed, what has no effect."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

import artfs
from artfs.api.about_run import ABOUT
from artfs.api.run.keywords import WandbKeywords
from artfs.errors import ConflictError, InvalidInputError, NotFoundError, SourceError

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


# Parameters of `wandb.init` in W&B's public reference, and two that older releases had.
_PUBLIC = {
    *("entity", "project", "dir", "id", "name", "notes", "tags", "config", "config_exclude_keys"),
    *("config_include_keys", "allow_val_change", "group", "job_type", "mode", "force", "anonymous", "reinit"),
    *("resume", "resume_from", "fork_from", "save_code", "tensorboard", "sync_tensorboard", "monitor_gym"),
    *("settings", "magic"),
}


def test_every_keyword_of_the_public_reference_is_taken() -> None:
    everything: dict[str, Any] = dict.fromkeys(_PUBLIC)
    with artfs.init(**everything) as run:
        assert run.state == "running"
    assert set(WandbKeywords.__annotations__) | {"name", "job_type", "id", "config"} == _PUBLIC


def test_what_has_no_effect_leaves_no_trace_in_the_run() -> None:
    with artfs.init(config={"lr": 1}, mode="offline", force=True, save_code=True, settings={"a": 1}) as run:
        pass
    assert artfs.Api().run(run.id).config == {"lr": 1}


@pytest.mark.parametrize(
    ("word", "meant"), [("projct", "project"), ("tag", "tags"), ("jobtype", "job_type"), ("storee", "store")]
)
def test_a_misspelt_keyword_is_refused_and_the_nearest_one_is_named(place: Path, word: str, meant: str) -> None:
    misspelt: dict[str, Any] = {word: "x"}
    with pytest.raises(TypeError, match=rf"unexpected keyword argument '{word}': did you mean '{meant}'\?"):
        artfs.init(**misspelt)
    unlike: dict[str, Any] = {"zzzzzz": 1}
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'zzzzzz'$"):
        artfs.init(**unlike)
    assert not place.exists()


@pytest.mark.parametrize("word", ["mode", "reinit", "resume"])
def test_a_value_that_a_keyword_cannot_have_is_refused(word: str) -> None:
    wrong: dict[str, Any] = {word: "sometimes"}
    with pytest.raises(InvalidInputError, match=rf"{word}='sometimes' is not allowed: use one of '"):
        artfs.init(**wrong)


def test_project_entity_group_notes_and_tags_are_kept_with_the_run_and_no_values_of_its_config() -> None:
    config = {"lr": 0.1}
    with artfs.init(
        project="animals", entity="team", group="fold", notes="why", tags=["a", "b", "a"], config=config
    ) as run:
        assert dict(run.config) == config
        assert run.path == f"team/animals/{run.id}"
        run.config["epochs"] = 3
    found = artfs.Api().run(run.id)
    assert (found.project, found.entity, found.group, found.notes) == ("animals", "team", "fold", "why")
    assert (found.tags, found.path, found.url) == (("a", "b"), f"team/animals/{run.id}", None)
    assert found.config == {"lr": 0.1, "epochs": 3}
    assert ABOUT not in found.config.as_dict()


def test_a_run_without_these_keywords_stores_nothing_of_them(place: Path) -> None:
    with artfs.init(config={"lr": 1}) as run:
        pass
    assert (run.project, run.entity, run.group, run.notes, run.tags, run.path) == (None, None, None, None, (), run.id)
    (row,) = _rows(place)
    assert row.fields.config == b'{"lr":1}'


def _rows(place: Path) -> list[Any]:
    from artfs.api.store_pool import shared_store

    with shared_store(place).catalog.view() as view:
        return list(view.runs())


def test_tags_and_notes_are_changed_like_the_name() -> None:
    with artfs.init(tags="one", notes="first", project="p") as run:
        run.tags += ("two",)
        run.notes = None
        run.update()
        found = artfs.Api().run(run.id)
        assert (found.tags, found.notes, found.project) == (("one", "two"), None, "p")
        found.notes = "theirs"
        found.update()
        run.tags = ("three",)
    assert artfs.Api().run(run.id).tags == ("three",)
    with pytest.raises(TypeError, match="run's tag must be text"):
        run.tags = (1,)  # type: ignore[assignment] # that is what the test is about


def test_a_pickled_run_has_its_project_and_what_is_changed_there_is_kept() -> None:
    run = artfs.init(project="p", config={"a": 1})
    copied = pickle.loads(pickle.dumps(run))  # noqa: S301 # made here
    assert (copied.project, dict(copied.config)) == ("p", {"a": 1})
    copied.config["b"] = 2
    copied.notes = "there"
    copied.update()
    run.finish()
    found = artfs.Api().run(run.id)
    assert (found.project, found.notes, dict(found.config)) == ("p", "there", {"a": 1, "b": 2})


def test_setting_the_config_anew_leaves_the_project() -> None:
    with artfs.init(project="p", config={"a": 1}) as run:
        run.config = {"b": 2}
    found = artfs.Api().run(run.id)
    assert (found.project, dict(found.config)) == ("p", {"b": 2})


def test_a_run_that_goes_on_keeps_what_is_not_said_again() -> None:
    with artfs.init(id="trainer1", project="p", tags=["a"], config={"lr": 1}):
        pass
    with artfs.init(id="trainer1", tags=["b"], config={"epochs": 2}) as run:
        assert (run.project, run.tags) == ("p", ("b",))
        assert run.config == {"lr": 1, "epochs": 2}
    with artfs.init(id="trainer1") as run:
        assert (run.project, run.tags) == ("p", ("b",))


def test_an_id_of_the_form_that_wandb_has_stands_for_one_computed_from_it() -> None:
    with artfs.init(id="Baseline run_3") as first:
        assert first.name == "Baseline run_3"
    assert len(first.id) == 8
    with artfs.init(id="Baseline run_3", notes="again") as again:
        assert (again.id, again.name) == (first.id, "Baseline run_3")
    with artfs.init(id="Baseline run_4", name="other") as other:
        assert other.id != first.id
        assert other.name == "other"
    with artfs.init(id=first.id) as by_its_own:
        assert by_its_own.name == "Baseline run_3"
    for wrong in ("a/b", "a:b", "", "x" * 65, "..", "a\n", "a\\b"):
        with pytest.raises(InvalidInputError, match="run id"):
            artfs.init(id=wrong)


def test_resume_must_and_never_are_obeyed() -> None:
    with pytest.raises(NotFoundError, match="no run trainer1"):
        artfs.init(id="trainer1", resume="must")
    with pytest.raises(InvalidInputError, match="needs the id"):
        artfs.init(resume="must")
    with artfs.init(id="trainer1", resume="never"):
        pass
    with pytest.raises(ConflictError, match="there is a run trainer1"):
        artfs.init(id="trainer1", resume="never")
    with artfs.init(id="trainer1", resume="must") as run:
        assert run.id == "trainer1"
    with artfs.init(id="trainer1", resume="allow") as run:
        assert run.id == "trainer1"


def test_reinit_ends_the_runs_before_or_gives_the_current_one_or_begins_one_inside() -> None:
    first = artfs.init()
    assert artfs.init(reinit="return_previous") is first
    second = artfs.init(reinit="finish_previous")
    assert (first.state, second.state) == ("finished", "running")
    third = artfs.init(reinit=True)
    assert second.state == "finished"
    inner = artfs.init(reinit="create_new")
    assert (third.state, inner.state) == ("running", "running")
    inner.finish()
    third.finish()
    alone = artfs.init(reinit="return_previous")
    assert alone.state == "running"
    alone.finish()


@dataclasses.dataclass
class Settings:
    lr: float = 0.5


_YAML = "lr: 0.5\nlayers: [1, 2]\noptimizer:\n  name: adam\n"
_DESCRIBED = "wandb_version: 1\n_wandb: {value: {}}\nlr:\n  desc: rate\n  value: 0.5\nlayers:\n  value: [1, 2]\n"


def test_config_is_a_mapping_a_namespace_a_dataclass_or_a_file_of_yaml_or_json(tmp_path: Path) -> None:
    written = {"lr": 0.5, "layers": [1, 2]}
    (tmp_path / "c.yaml").write_text(_YAML)
    (tmp_path / "described.yml").write_text(_DESCRIBED)
    (tmp_path / "c.json").write_text(json.dumps(written))
    (tmp_path / "empty.yaml").write_text("")
    for given, kept in (
        (argparse.Namespace(**written), written),
        (Settings(), {"lr": 0.5}),
        ("c.yaml", {**written, "optimizer": {"name": "adam"}}),
        (tmp_path / "described.yml", written),
        (tmp_path / "c.json", written),
        ("empty.yaml", {}),
    ):
        with artfs.init(config=given) as run:
            assert run.config == kept


def test_a_config_file_that_is_no_mapping_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "bad.yaml").write_text("a: [1\nb: }")
    with pytest.raises(InvalidInputError, match=r"config file 'list\.json' must hold a mapping, not a list"):
        artfs.init(config="list.json")
    with pytest.raises(InvalidInputError, match=r"config file 'bad\.yaml' is neither YAML nor JSON: .*line 2"):
        artfs.init(config="bad.yaml")
    with pytest.raises(SourceError, match=r"config file 'none\.yaml' cannot be read: No such file"):
        artfs.init(config="none.yaml")


def test_keys_of_the_config_are_chosen() -> None:
    with artfs.init(config={"a": 1, "b": 2}, config_exclude_keys=["a"]) as run:
        assert run.config == {"b": 2}
    with artfs.init(config={"a": 1, "b": 2}, config_include_keys=["a"]) as run:
        assert run.config == {"a": 1}
    with pytest.raises(InvalidInputError, match="cannot both be given"):
        artfs.init(config={"a": 1}, config_include_keys=["a"], config_exclude_keys=["b"])


def test_the_config_is_updated_as_scripts_do_it() -> None:
    with artfs.init(config={"a": 1}) as run:
        run.config.update({"a": 2, "b": 3}, allow_val_change=True)
        run.config.update(argparse.Namespace(c=4))
        run.config.update([("d", 5)], e=6)
        run.config.setdefaults({"a": 9, "f": 7})
    assert artfs.Api().run(run.id).config == {"a": 2, "b": 3, "c": 4, "d": 5, "e": 6, "f": 7}


def test_the_group_is_the_distributed_id_where_none_is_given(tmp_path: Path) -> None:
    (tmp_path / "part.txt").write_text("x")
    with artfs.init(group="workers") as run:
        run.upsert_artifact("part.txt", name="together", type="dataset")
        assert run.finish_artifact(artfs.Artifact("together")).name == "together:v0"
    with artfs.init() as alone, pytest.raises(TypeError, match="distributed_id"):
        alone.upsert_artifact("part.txt", name="together")


def test_dir_is_made_below_the_given_one_when_it_is_asked_for(tmp_path: Path) -> None:
    with artfs.init(dir=tmp_path / "elsewhere") as run:
        assert not (tmp_path / "elsewhere").exists()
        assert run.dir == os.fspath(tmp_path / "elsewhere" / "wandb" / f"run-{run.id}" / "files")
        assert Path(run.dir).is_dir()
    with artfs.init() as run:
        assert run.dir == os.fspath(tmp_path / "wandb" / f"run-{run.id}" / "files")
