"""A command starts at once: it loads what it needs and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands

_HEAVY = {"asyncio", "fsspec", "importlib.metadata", "platformdirs", "pyfuse3", "rich", "trio"}
_TELL = """
import sys
from artfs.cli.main import main
code = main(sys.argv[1:])
sys.stderr.write(" ".join(sorted(sys.modules)))
sys.exit(code)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ("ls",),
            ("ls", "animals"),
            ("tree", "animals"),
            ("cat", "animals/labels.csv"),
            ("log", "animals"),
            ("info",),
        ),
        *(
            ("show", "animals"),
            ("diff", "animals", "animals"),
            ("du",),
            ("--help",),
            ("--version",),
            ("alias", "ls", "animals"),
        ),
    ],
    ids=" ".join,
)
def test_a_command_that_looks_loads_no_event_loop_no_fuse_and_no_terminal(
    artfs: Commands, images: Path, arguments: tuple[str, ...]
) -> None:
    artfs.done("put", images, "-n", "animals")
    ended = subprocess.run(
        [sys.executable, "-c", _TELL, *arguments], check=True, capture_output=True, text=True, env=artfs.environment
    )
    loaded = set(ended.stderr.split())
    assert "artfs.cli.root" in loaded
    assert not loaded & _HEAVY


def test_a_command_loads_no_other_command(artfs: Commands) -> None:
    artfs.done("init")
    ended = subprocess.run(
        [sys.executable, "-c", _TELL, "ls"], check=True, capture_output=True, text=True, env=artfs.environment
    )
    commands = {name for name in ended.stderr.split() if name.startswith("artfs.cli.commands.")}
    assert commands == {"artfs.cli.commands.ls"}


def test_ls_takes_less_than_150_ms_of_processor_time(artfs: Commands, images: Path, tmp_path: Path) -> None:
    """As installed, with compiled modules; the quickest of a few runs, because other tests run beside this one."""
    artfs.done("put", images, "-n", "animals")
    environment = {**artfs.environment, "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    spent: list[float] = []
    while len(spent) < 30 and min(spent, default=1.0) >= 0.150:
        process = subprocess.Popen(artfs.line("ls"), env=environment, stdout=subprocess.DEVNULL)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        spent.append(usage.ru_utime + usage.ru_stime)
    assert min(spent) < 0.150
