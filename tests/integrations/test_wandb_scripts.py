"""Scripts that `import wandb`, unchanged, in what `artfs run --wandb` starts."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import artfs

_TRAIN = """
    import argparse
    import subprocess
    import sys

    import wandb
    from wandb.apis.public import Api
    from wandb.errors import CommError

    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()

    with wandb.init(project="digits", job_type="preprocess", name="prepare") as run:
        data = wandb.Artifact("digits", type="dataset", description="a few digits")
        with data.new_file("digits.csv") as file:
            file.write("3,1,4,1,5")
        run.log_artifact(data)

    run = wandb.init(project="digits", entity="team", job_type="train", config=args, tags=["baseline"])
    folder = run.use_artifact("digits:latest", type="dataset").download()
    wandb.define_metric("acc", summary="max")
    for epoch in range(wandb.config.epochs):
        wandb.log({"acc": 1 / (1 + abs(epoch - 1)), "epoch": epoch})
    with open("model.txt", "w") as file:
        file.write(open(folder + "/digits.csv").read()[::-1])
    model = wandb.Artifact("net", type="model", metadata=dict(run.config))
    model.add_file("model.txt")
    run.log_artifact(model, aliases=["best"]).wait()
    wandb.finish()

    try:
        Api().artifact("nothing:latest")
    except CommError as error:
        assert isinstance(error, wandb.errors.CommError), type(error)
    subprocess.run([sys.executable, "report.py"], check=True)
"""

_REPORT = """
    import wandb

    with wandb.init(project="digits", job_type="report") as run:
        wandb.use_artifact("net:best")
        report = wandb.Artifact("report", type="report")
        with report.new_file("report.md") as file:
            file.write("fine")
        wandb.log_artifact(report)
"""

Started = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def started(tmp_path: Path) -> Started:
    """Runs a script in what `artfs run` starts with options, on the store `store` in the test's directory."""
    artfs.open_store(tmp_path / "store", create=True).close()

    def run(options: tuple[str, ...], text: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "script.py").write_text(textwrap.dedent(text))
        return subprocess.run(
            [sys.executable, "-m", "artfs.cli", "run", *options, "--", sys.executable, "script.py"],
            cwd=tmp_path,
            env={**os.environ, "ARTFS_STORE": str(tmp_path / "store"), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_an_unchanged_script_runs_and_what_it_logs_are_versions_with_lineage(tmp_path: Path, started: Started) -> None:
    (tmp_path / "report.py").write_text(textwrap.dedent(_REPORT))
    ended = started(("--wandb", "--name", "outer"), _TRAIN)
    assert (ended.returncode, ended.stderr) == (0, "")
    api = artfs.Api(tmp_path / "store", overrides={"project": "digits"})
    net = api.artifact("net:best")
    assert net.open("model.txt").read() == b"5,1,4,1,3"
    assert net.metadata == {"epochs": 3}
    assert [each.name for each in net.ancestors()] == ["digits:v0"]
    assert [each.name for each in net.descendants()] == ["report:v0"]
    maker = net.logged_by()
    assert maker is not None
    assert (maker.path, maker.tags, maker.state) == (f"team/digits/{maker.id}", ("baseline",), "finished")
    assert maker.summary.as_dict() == {"acc": {"max": 1.0}, "epoch": 2}
    assert [each.job_type for each in api.runs("team/digits")] == ["preprocess", "train", "report"]
    assert [each.name for each in artfs.Api(tmp_path / "store").runs()][:2] == ["outer", "prepare"]


def test_without_the_option_wandb_is_not_artfs(started: Started) -> None:
    ended = started(("-q",), "import sys\nprint([place for place in sys.path if 'as_wandb' in place])")
    assert ended.stdout == "[]\n"


def test_the_modules_of_wandb_are_those_of_artfs_and_no_others_are_there(started: Started) -> None:
    ended = started(
        ("--wandb",),
        """
        import importlib.util
        import artfs
        import wandb.errors, wandb.util, wandb.apis.public
        from wandb import *

        assert wandb.errors is artfs.errors and artfs.errors.__spec__.name == "artfs.errors"
        assert wandb.apis.public.Api is artfs.Api is wandb.Api and Artifact is artfs.Artifact
        assert importlib.util.find_spec("wandb") is not None and "log" in dir(wandb)
        assert hasattr(wandb, "run") and wandb.run is None
        for missing in ("wandb.sdk.data_types", "wandb.store", "wandb.errors.term"):
            try:
                __import__(missing)
            except ModuleNotFoundError as error:
                print(error.name)
        try:
            wandb.Tabel
        except AttributeError as error:
            print(error)
        """,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        *("wandb.sdk.data_types", "wandb.store", "wandb.errors.term"),
        "module 'wandb' of artfs has no attribute 'Tabel'",
    ]


def test_what_the_environment_says_for_wandb_counts_where_the_script_says_nothing(started: Started) -> None:
    said = {
        "WANDB_PROJECT": "p",
        "WANDB_NAME": "from outside",
        "WANDB_TAGS": "a, b",
        "WANDB_RUN_GROUP": "g",
        "WANDB_RUN_ID": "trainer1",
    }
    ended = started(
        ("--wandb",),
        """
        import wandb
        run = wandb.init(project=None, name="own")
        print(run.id, run.project, run.name, run.group, *run.tags)
        """,
        **said,
    )
    assert (ended.stdout, ended.stderr) == ("trainer1 p own g a b\n", "")
    ended = started(("--wandb",), "import wandb; print(type(wandb.init()).__name__)", WANDB_MODE="disabled")
    assert (ended.stdout, ended.stderr) == ("DisabledRun\n", "")


def test_what_was_on_the_path_before_stays_on_it(tmp_path: Path, started: Started) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "mine.py").write_text("print('mine')")
    path = os.pathsep.join((str(tmp_path / "more"), os.environ.get("PYTHONPATH", "")))
    assert started(("--wandb",), "import wandb, mine", PYTHONPATH=path).stdout == "mine\n"


def test_what_libraries_ask_of_wandb_before_they_use_it_is_there(started: Started) -> None:
    ended = started(
        ("--wandb",),
        """
        from importlib.metadata import version

        import wandb
        from wandb.sdk.lib import RunDisabled
        from wandb.sdk.lib.config_util import ConfigError
        from wandb.wandb_run import Run

        assert version("wandb") == wandb.__version__ and wandb.__version__ >= "0.12.10"
        with wandb.init() as run:
            assert isinstance(run, Run) and not isinstance(run, RunDisabled)
            run._label(code="trainer")
            try:
                run.config["text"] = "\\ud800"
            except ConfigError:
                print("refused")
        """,
    )
    assert (ended.stdout, ended.stderr) == ("refused\n", "")
