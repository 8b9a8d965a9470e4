"""Runs as a training script uses them: what goes in, what comes out, and what is kept of both."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.api.artifact.artifact import Artifact
from artfs.api.init import init
from artfs.api.public import Api
from artfs.api.run.run import Run
from artfs.api.store_pool import shared_store
from artfs.catalog import current_actor
from artfs.errors import InvalidInputError, NotFoundError, SourceError, TypeMismatchError
from artfs.names import parse_run_id
from tests.support.data.checked import assert_clean

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the store of the test is made; the default one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def run(place: Path) -> Run:
    return init(name="train", job_type="training", config={"lr": 0.1}, store=place)


def unlogged(name: str = "animals", text: str = "tom,cat\n", type_: str = "dataset") -> Artifact:
    artifact = Artifact(name, type_)
    with artifact.new_file("labels.csv") as file:
        file.write(text)
    return artifact


def in_new_process(place: Path, program: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ARTFS_STORE": str(place)}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_init_makes_the_store_and_starts_a_run(place: Path) -> None:
    run = init(name="prep", job_type="preprocess", config={"lr": 0.1})
    assert (place / "format.json").exists()
    assert (run.name, run.job_type, run.state, dict(run.config)) == ("prep", "preprocess", "running", {"lr": 0.1})
    assert run.id == parse_run_id(run.id)
    assert (run.host, run.command) == (os.uname().nodename, tuple(sys.orig_argv))
    assert run.created_at.endswith("+00:00")


def test_a_run_without_name_is_called_by_its_id(place: Path) -> None:
    run = init(store=place)
    assert run.name == run.id


def test_config_may_be_a_namespace(place: Path) -> None:
    assert init(config=argparse.Namespace(lr=0.5, layers=[1, 2]), store=place).config.layers == [1, 2]


def test_a_run_notes_the_commit_that_is_checked_out(place: Path, tmp_path: Path) -> None:
    identity = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert init(store=place).commit is None
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True, cwd=tmp_path)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert init(store=place).commit == head.stdout.strip()
    subprocess.run(["git", "pack-refs", "--all"], check=True, cwd=tmp_path)
    assert init(store=place).commit == head.stdout.strip()
    subprocess.run(["git", "checkout", "-q", "--detach"], check=True, cwd=tmp_path)
    assert init(store=place).commit == head.stdout.strip()


def test_a_run_notes_where_it_is_and_whether_files_differ_from_the_commit(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (init(store=place).directory, init(store=place).dirty) == (str(tmp_path), None)
    identity = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    (tmp_path / "train.py").write_text("lr = 0.1\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "add", "train.py"], check=True, cwd=tmp_path)
    subprocess.run(["git", *identity, "commit", "-q", "-m", "x"], check=True, cwd=tmp_path)
    (tmp_path / "notes.txt").write_text("not tracked")
    assert init(store=place).dirty is False
    (tmp_path / "train.py").write_text("lr = 0.2\n")
    assert init(store=place).dirty is True
    monkeypatch.setenv("PATH", "/nowhere")
    assert init(store=place).dirty is None


def test_a_run_keeps_the_exit_code_that_it_ends_with(place: Path) -> None:
    run = init(store=place)
    assert init(store=place).exit_code is None
    run.finish(exit_code=3)
    assert (run.state, run.exit_code) == ("failed", 3)
    other = init(store=place)
    other.finish(exit_code=-11)  # no exit code that a shell would give
    assert (other.state, other.exit_code) == ("failed", None)


def test_log_artifact_makes_the_next_version_and_names_it(run: Run) -> None:
    artifact = run.log_artifact(unlogged(), aliases=["best"], tags=["clean"])
    assert (artifact.name, artifact.version) == ("animals:v0", "v0")
    assert (sorted(artifact.aliases), artifact.tags) == (["best", "latest"], ["clean"])
    assert run.log_artifact(unlogged(), aliases="best").name == "animals:v1"
    assert [logged.name for logged in run.logged_artifacts()] == ["animals:v0", "animals:v1"]


def test_log_artifact_if_changed_gives_the_version_that_is_there(run: Run) -> None:
    run.log_artifact(unlogged())
    assert run.log_artifact(unlogged(), if_changed=True).name == "animals:v0"
    assert run.log_artifact(unlogged(text="other"), if_changed=True).name == "animals:v1"


def test_a_run_that_logs_contents_which_are_there_has_logged_them_and_the_first_one_made_them(run: Run) -> None:
    first = run.log_artifact(unlogged())
    source = run.log_artifact(unlogged(name="source"))
    second = init()
    second.use_artifact(source)
    changed = unlogged()
    changed.description = "another"
    again = second.log_artifact(changed, aliases=["best"], if_changed=True)
    assert again.name == first.name == "animals:v0"
    assert [logged.name for logged in second.logged_artifacts()] == ["animals:v0"]
    assert [logged.name for logged in run.logged_artifacts()] == ["animals:v0", "source:v0"]
    maker = again.logged_by()
    assert maker is not None
    assert maker.id == run.id
    assert (again.description, again.aliases) == (None, ["best", "latest"])
    assert [found.name for found in again.ancestors()] == ["source:v0"]


def test_contents_that_were_there_without_a_run_stay_of_none(place: Path) -> None:
    unlogged().save()
    run = init(store=place)
    again = run.log_artifact(unlogged(), if_changed=True)
    assert again.logged_by() is None
    assert [logged.name for logged in run.logged_artifacts()] == ["animals:v0"]


def test_log_artifact_of_a_path_is_named_after_run_and_path(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my images").mkdir()
    (tmp_path / "my images" / "a.png").write_bytes(b"a")
    (tmp_path / "weights.pt").write_bytes(b"w")
    directory = run.log_artifact("my images")
    assert (directory.name, directory.type) == (f"run-{run.id}-my_images:v0", "dataset")
    assert list(directory.manifest.entries) == ["a.png"]
    file = run.log_artifact(tmp_path / "weights.pt", name="weights", type="model", aliases=["best"], tags="t")
    assert (file.name, file.type, file.tags) == ("weights:v0", "model", ["t"])
    assert run.log_artifact("weights.pt", name="weights").type == "model"
    with pytest.raises(TypeMismatchError):
        run.log_artifact("weights.pt", name="weights", type="dataset")
    with pytest.raises(ValueError, match="missing"):
        run.log_artifact("missing")


def test_log_artifact_of_a_uri_is_a_reference(run: Run, tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"w")
    uri = (tmp_path / "weights.pt").as_uri()
    artifact = run.log_artifact(uri, name="weights")
    (entry,) = artifact.manifest.entries.values()
    assert (entry.path, entry.ref) == ("weights.pt", uri)
    assert entry.open().read() == b"w"


def test_use_artifact_finds_a_version_and_notes_it(run: Run) -> None:
    for text in ("old", "new"):
        run.log_artifact(unlogged(text=text))
    other = init()
    assert other.use_artifact("animals").name == "animals:v1"
    assert other.use_artifact("animals:v0", type="dataset").name == "animals:v0"
    assert other.use_artifact("animals:latest").open("labels.csv").read() == b"new"
    assert [used.name for used in other.used_artifacts()] == ["animals:v1", "animals:v0"]
    assert (other.logged_artifacts(), run.used_artifacts()) == ([], [])


def test_use_artifact_takes_a_logged_artifact(run: Run) -> None:
    logged = run.log_artifact(unlogged())
    other = init()
    assert other.use_artifact(logged) is logged
    assert [used.name for used in other.used_artifacts()] == ["animals:v0"]


def test_use_artifact_of_another_type_is_refused_and_an_unlogged_artifact_stays_so(run: Run) -> None:
    logged, other = run.log_artifact(unlogged()), unlogged(name="other")
    for used in ("animals", logged, other):
        with pytest.raises(TypeMismatchError):
            run.use_artifact(used, type="model")
    assert other.is_draft()
    assert (run.used_artifacts(), Api().artifact_exists("other")) == ([], False)


def test_use_artifact_of_one_that_was_renamed_uses_it_and_not_what_took_its_name(run: Run, place: Path) -> None:
    logged = run.log_artifact(unlogged(text="old"))
    shared_store(place).catalog.rename("animals", "beasts", current_actor())
    run.log_artifact(unlogged(text="new"))
    run.use_artifact(logged)
    assert [used.name for used in run.used_artifacts()] == ["beasts:v0"]


def test_use_artifact_of_an_unlogged_artifact_logs_it(run: Run) -> None:
    used = run.use_artifact(unlogged(), aliases=["seen"])
    assert (used.name, sorted(used.aliases)) == ("animals:v0", ["latest", "seen"])
    assert [artifact.name for artifact in run.used_artifacts()] == ["animals:v0"]
    assert run.logged_artifacts() == []


def test_use_artifact_of_equal_contents_is_the_version_that_is_there(run: Run) -> None:
    run.use_artifact(unlogged(text="one"))
    assert run.use_artifact(unlogged(text="one"), aliases=["seen"]).name == "animals:v0"
    assert run.use_artifact("animals:seen").name == "animals:v0"
    assert run.use_artifact(unlogged(text="two")).name == "animals:v1"


def test_use_artifact_of_a_missing_version_is_not_found_and_no_value_error(run: Run) -> None:
    run.log_artifact(unlogged())
    for ref in ("plants", "animals:v9", "animals:best"):
        with pytest.raises(NotFoundError) as caught:
            run.use_artifact(ref)
        assert not isinstance(caught.value, ValueError)
    with pytest.raises(TypeMismatchError):
        run.use_artifact("animals", type="model")
    with pytest.raises(InvalidInputError):
        run.use_artifact("a/b/c/d:v0")
    assert run.used_artifacts() == []


def test_an_artifact_of_another_store_is_not_used(run: Run, tmp_path: Path) -> None:
    elsewhere = init(store=tmp_path / "elsewhere").log_artifact(unlogged())
    with pytest.raises(InvalidInputError, match="another store"):
        run.use_artifact(elsewhere)


def test_deleted_versions_are_left_out(run: Run) -> None:
    run.log_artifact(unlogged()).delete()
    run.use_artifact(run.log_artifact(unlogged()))
    assert [logged.name for logged in run.logged_artifacts()] == ["animals:v1"]


def test_a_run_that_finished_can_still_log_and_use(run: Run) -> None:
    run.finish()
    found = Api().run(run.id)
    found.use_artifact(found.log_artifact(unlogged()))
    assert [artifact.name for artifact in found.logged_artifacts()] == ["animals:v0"]
    assert found.state == "finished"


def test_finish_marks_the_run_and_keeps_summary_and_config(run: Run) -> None:
    run.summary["accuracy"] = 0.9
    run.summary.epochs = 3
    run.config["lr"] = 0.2
    run.name = "renamed"
    run.finish()
    run.finish()
    found = Api().run(run.id)
    assert (found.state, found.name, dict(found.config)) == ("finished", "renamed", {"lr": 0.2})
    assert (found.summary.accuracy, found.summary["epochs"]) == (0.9, 3)


def test_finish_with_an_exit_code_marks_the_run_as_failed(run: Run) -> None:
    run.finish(exit_code=3)
    assert run.state == "failed"


def test_what_was_noted_is_kept_when_an_artifact_is_logged(run: Run) -> None:
    run.summary["loss"] = 1.5
    run.log_artifact(unlogged())
    assert Api().run(run.id).summary == {"loss": 1.5}


def test_changes_from_two_sides_are_both_kept(run: Run) -> None:
    other = Api().run(run.id)
    other.summary["theirs"] = 1
    other.update()
    run.summary["ours"] = 2
    del run.config["lr"]
    run.update()
    found = Api().run(run.id)
    assert (found.summary, found.config) == ({"theirs": 1, "ours": 2}, {})


def test_values_are_attributes_too(run: Run) -> None:
    assert run.config.lr == 0.1
    del run.config.lr
    with pytest.raises(AttributeError, match="lr"):
        _ = run.config.lr
    with pytest.raises(AttributeError, match="lr"):
        del run.config.lr


def test_a_summary_that_json_cannot_express_is_refused(run: Run) -> None:
    with pytest.raises(TypeError, match=r"^summary\['bad'\] is a object, which JSON cannot express$"):
        run.summary["bad"] = object()
    run.finish()
    assert (run.state, run.summary) == ("finished", {})


def test_a_with_block_finishes_the_run(place: Path) -> None:
    with init(store=place) as run:
        assert run.state == "running"
    assert run.state == "finished"


def test_an_exception_in_a_with_block_marks_the_run_as_failed(place: Path) -> None:
    with pytest.raises(KeyError), init(store=place) as run:
        raise KeyError("x")
    assert run.state == "failed"
    with pytest.raises(SystemExit), init(store=place) as run:
        sys.exit(0)
    assert run.state == "finished"
    with pytest.raises(SystemExit), init(store=place) as run:
        sys.exit(3)
    assert run.state == "failed"


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import sys; sys.exit(5)", 5),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(0)", 0),
        ("import sys; sys.exit('no data')", 1),
        ("import sys; sys.exit(-1)", 255),
        ("exit(6)", 6),
        ("quit(code=7)", 7),
        ("import argparse; argparse.ArgumentParser().parse_args(['--none'])", 2),
        ("1/0", 1),
        ("raise KeyboardInterrupt", 1),
        ("import sys\ntry: sys.exit(5)\nexcept SystemExit: pass", 0),
        ("pass", 0),
        ("raise SystemExit(5)", 5),
        ("if __name__ == '__main__':\n    raise SystemExit('no data')", 1),
        ("code = 7\nraise SystemExit(code)", 7),
        ("raise SystemExit", 0),
        ("import sys\ntry: sys.exit(9)\nexcept SystemExit: raise SystemExit(2)", 2),
        ("import sys\ntry: sys.exit(9)\nexcept SystemExit: raise", 9),
    ],
)
def test_a_run_keeps_the_code_that_its_process_ends_with(place: Path, program: str, code: int) -> None:
    ended = in_new_process(place, f"import artfs; print(artfs.init().id)\n{program}")
    run = Api(place).run(ended.stdout.strip())
    assert (run.state, run.exit_code) == ("failed" if code else "finished", code)


@pytest.mark.parametrize(
    "program", ["def main(): return 3\nraise SystemExit(main())", "def f(): raise SystemExit(4)\nf()"]
)
def test_of_a_code_that_is_not_known_none_is_said(place: Path, program: str) -> None:
    id_ = in_new_process(place, f"import artfs; print(artfs.init().id)\n{program}").stdout.strip()
    assert Api(place).run(id_).exit_code is None


@pytest.mark.parametrize("end", ["raise SystemExit(5)", "import sys; sys.exit(5)", "f()"])
def test_a_with_block_keeps_the_code_of_any_system_exit(place: Path, end: str) -> None:
    begin = "import artfs\ndef f(): raise SystemExit(5)\nwith artfs.init() as run:\n print(run.id)"
    id_ = in_new_process(place, f"{begin}\n {end}").stdout.strip()
    assert Api(place).run(id_).exit_code == 5


@pytest.mark.parametrize("end", ["os._exit(5)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_a_process_that_ends_without_python_leaves_a_run_that_has_crashed(place: Path, end: str) -> None:
    program = f"import artfs, os; run = artfs.init(); print(run.id, flush=True); {end}"
    id_ = in_new_process(place, program).stdout.strip()
    run = Api(place).run(id_)
    assert (run.state, run.exit_code) == ("crashed", None)


def test_a_run_ends_with_its_process(place: Path) -> None:
    init(store=place).finish()
    for program, state in (("", "finished"), ("raise KeyError", "failed")):
        begun = "import artfs; run = artfs.init(); run.summary['a'] = 1; print(run.id)"
        id_ = in_new_process(place, f"{begun}; {program}").stdout.strip()
        run = Api(place).run(id_)
        assert (run.state, run.summary) == (state, {"a": 1})


def test_init_with_an_id_goes_on_with_that_run(run: Run) -> None:
    run.log_artifact(unlogged())
    run.finish(exit_code=1)
    resumed = init(id=run.id, config={"epochs": 9})
    assert (resumed.id, resumed.state, resumed.name, resumed.job_type) == (run.id, "running", "train", "training")
    assert resumed.config == {"lr": 0.1, "epochs": 9}
    resumed.log_artifact(unlogged())
    assert [logged.name for logged in resumed.logged_artifacts()] == ["animals:v0", "animals:v1"]


def test_init_with_an_id_that_is_not_there_starts_that_run(place: Path) -> None:
    assert init(id="trainer1", store=place).id == "trainer1"
    with pytest.raises(InvalidInputError, match="8 of the characters"):
        init(id="no/id", store=place)


def test_the_journal_says_during_which_run_something_happened(run: Run, place: Path) -> None:
    run.log_artifact(unlogged())
    record = list(shared_store(place).catalog.history())[-1]
    assert record.entry.run == run.id


def log_in_child(place: str, number: int) -> None:
    with init(store=place) as run:
        run.log_artifact(unlogged(text=str(number)))


def test_processes_that_log_to_one_name_at_once_each_make_a_version(place: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=log_in_child, args=(str(place), number)) for number in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0] * 8
    api = Api(place)
    versions = api.artifacts("animals", order="+")
    assert [version.version for version in versions] == [f"v{number}" for number in range(8)]
    assert {version.open("labels.csv").read() for version in versions} == {b"%d" % number for number in range(8)}
    assert versions[-1].aliases == ["latest"]
    assert {run.state for run in api.runs()} == {"finished"}
    assert_clean(place)


def test_a_child_that_was_forked_logs_and_leaves_the_run_to_its_parent(place: Path) -> None:
    program = """
import os
from artfs.errors import __file__
import artfs
run = artfs.init(id="forking1")
pid = os.fork()
if pid == 0:
    run.log_artifact(__file__, name="fromchild")
    raise SystemExit
assert os.waitpid(pid, 0)[1] == 0
print(run.state, [a.name for a in run.logged_artifacts()])
"""
    ended = in_new_process(place, program)
    assert ended.stdout.strip() == "running ['fromchild:v0']", ended


def test_log_artifact_of_what_cannot_be_read_logs_nothing(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises((SourceError, ValueError)):
        run.log_artifact("pipe", name="piped")
    assert not Api().artifact_exists("piped")


def test_values_that_are_too_long_do_not_replace_the_exception_of_a_with_block(place: Path) -> None:
    run = init(store=place)

    def train() -> None:
        with run:
            run.summary.update({str(number): "x" * (4 << 20) for number in range(5)})
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as raised:
        train()
    assert (run.state, run.exit_code) == ("failed", 1)
    assert "could not be stored in full" in raised.value.__notes__[0]
