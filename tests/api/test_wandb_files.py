"""`Run.save`, `log_code`, `log_model` and `use_model`: files of a run as versions with lineage."""

from __future__ import annotations

from pathlib import Path

import pytest

import artfs
from artfs.errors import InvalidInputError, TypeMismatchError


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> artfs.Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    return artfs.init()


def entries(artifact: artfs.Artifact) -> dict[str, bytes]:
    return {path: entry.open().read() for path, entry in artifact.manifest.entries.items()}


def test_saved_files_are_together_a_version_that_the_run_logged(run: artfs.Run, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("logs/a.txt", "logs/b.txt", "model.h5"):
        Path(name).write_text(name)
    assert run.save("logs/*.txt") == [str(tmp_path / "logs" / "a.txt"), str(tmp_path / "logs" / "b.txt")]
    run.save(tmp_path / "model.h5")
    assert run.save("nothing/*") == []
    run.finish()
    last = run.logged_artifacts()[-1]
    assert (last.name, last.type) == (f"run-{run.id}-files:v1", "run-files")
    assert sorted(entries(last)) == ["logs/a.txt", "logs/b.txt", "model.h5"]


def test_a_live_file_is_kept_as_it_is_at_the_end_and_a_file_that_is_gone_as_it_was(run: artfs.Run) -> None:
    Path("log.txt").write_text("begun")
    Path("gone.txt").write_text("gone")
    run.save("*.txt")
    Path("log.txt").write_text("done")
    Path("gone.txt").unlink()
    run.finish()
    first, last = run.logged_artifacts()
    assert entries(first) == {"log.txt": b"begun", "gone.txt": b"gone"}
    assert entries(last) == {"log.txt": b"done"}


def test_now_keeps_a_file_as_it_is_and_end_as_it_will_be(run: artfs.Run) -> None:
    Path("a.txt").write_text("first")
    run.save("a.txt", policy="now")
    Path("a.txt").write_text("second")
    run.finish()
    assert [entries(each) for each in run.logged_artifacts()] == [{"a.txt": b"first"}]
    with artfs.init() as other:
        other.save("a.txt", policy="end")
        assert other.logged_artifacts() == []
        Path("a.txt").write_text("third")
    assert [entries(each) for each in other.logged_artifacts()] == [{"a.txt": b"third"}]


def test_a_file_outside_of_the_base_path_and_another_policy_are_refused(run: artfs.Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Path("a.txt").write_text("a")
    with pytest.raises(InvalidInputError, match="is not below"):
        run.save("a.txt", base_path="in")
    with pytest.raises(InvalidInputError, match="policy 'often'"):
        run.save("a.txt", policy="often")  # type: ignore[arg-type] # that is what the test is about
    assert run.save(tmp_path / "a.txt", base_path=tmp_path) == [str(tmp_path / "a.txt")]


def test_log_code_logs_python_files_and_no_hidden_ones_once(run: artfs.Run, tmp_path: Path) -> None:
    for name in ("src/train.py", "src/pkg/model.py", "src/.venv/x.py", "src/wandb/y.py", "src/data.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    code = run.log_code("src")
    assert code is not None
    assert (code.name, code.type) == ("source-src:v0", "code")
    assert sorted(entries(code)) == ["pkg/model.py", "train.py"]
    again = run.log_code("src")
    assert again is not None
    assert again.name == "source-src:v0"
    chosen = run.log_code(
        "src",
        name="chosen",
        include_fn=lambda path, root: path.startswith(root),
        exclude_fn=lambda path: path.endswith(".csv"),
    )
    assert chosen is not None
    assert sorted(entries(chosen)) == ["pkg/model.py", "train.py"]
    assert run.log_code("src", include_fn=lambda path: False) is None  # noqa: ARG005 # as filters are called


def test_a_model_is_logged_and_used_with_lineage(run: artfs.Run) -> None:
    Path("weights.pt").write_bytes(b"w")
    assert run.log_model("weights.pt", name="net", aliases=["best"]).type == "model"
    run.log_artifact("weights.pt", name="data")
    with artfs.init() as user:
        path = Path(user.use_model("net:best"))
        assert (path.name, path.read_bytes()) == ("weights.pt", b"w")
        with pytest.raises(TypeMismatchError, match="use_model"):
            user.use_model("data")
    assert "net:v0" in [used.name for used in user.used_artifacts()]
