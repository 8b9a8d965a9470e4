"""The README's scripts and commands run as they stand there, and print what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs import Api
from tests.support.mountedstore import MountedStore

_README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[MountedStore]:
    """The store, and the places that stand for /mnt/art and /mnt/stage; gone after the test."""
    with MountedStore(tmp_path) as store:
        store.place("stage")
        yield store
        assert store.troubles() == []


def test_the_commands_of_the_first_page_run(mounted: MountedStore) -> None:
    (mounted.top / "images").mkdir()
    (mounted.top / "images" / "cat.png").write_bytes(b"a cat")
    (mounted.top / "train.py").write_text("import sys, pathlib\npathlib.Path(sys.argv[2], 'cat.png').read_bytes()\n")
    _run_all(mounted, _section(""))
    assert [str(artifact.name) for artifact in Api(mounted.store).artifacts("animals")] == ["animals:v0"]
    Api(mounted.store).artifact("animals").store.close()


def test_the_scripts_and_commands_of_the_section_on_python_run(mounted: MountedStore) -> None:
    section = _section("From Python")
    for name, script in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", section, re.DOTALL):
        (mounted.top / name).write_text(script)
    _run_all(mounted, section)
    api = Api(mounted.store)
    assert [run.name for run in api.runs()] == ["prepare", "train", "use", "use"]
    assert {run.state for run in api.runs()} == {"finished"}
    assert [artifact.name for artifact in api.artifact("digits:v0").descendants()] == ["classifier:v0"]
    assert api.artifact("classifier:best").type == "model"
    api.artifact("digits").store.close()


def _section(title: str) -> str:
    """The text under a heading; what stands before the first one if there is no title."""
    text = _README.partition(f"## {title}\n")[2] if title else _README
    return text.partition("\n## ")[0]


def _run_all(mounted: MountedStore, section: str) -> None:
    """Run each command of a section in the test's directory, and compare what it prints with what is shown there."""
    commands = re.findall(r"^    \$ (.*)\n((?:    [^$\s].*\n)*)", section, re.MULTILINE)
    assert commands
    places = {"/mnt/art": str(mounted.mountpoint), "/mnt/stage": str(mounted.top / "stage")}
    environment = {
        **os.environ,
        "ARTFS_STORE": str(mounted.store),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONWARNINGS": "error",
    }
    for command, expected in commands:
        ran = subprocess.run(
            ["bash", "-ec", _at(places, command)],
            cwd=mounted.top,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, ""), command
        if expected:
            assert ran.stdout.split() == _at(places, expected).split(), command


def _at(places: dict[str, str], text: str) -> str:
    for place, here in places.items():
        text = text.replace(place, here)
    return text
