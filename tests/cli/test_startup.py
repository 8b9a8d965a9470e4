"""A command starts at once: it loads what it needs and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands

_HEAVY = {"asyncio", "fsspec", "importlib.metadata", "platformdirs", "pyfuse3", "rich", "starlette", "trio", "uvicorn"}
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


def test_info_loads_no_client_of_objects_elsewhere_where_there_is_no_cache(
    artfs: Commands, images: Path, tmp_path: Path
) -> None:
    artfs.done("put", images, "-n", "animals")
    environment = {**artfs.environment, "ARTFS_CACHE": str(tmp_path / "cache")}
    ended = subprocess.run(
        [sys.executable, "-c", _TELL, "info"], check=True, capture_output=True, text=True, env=environment
    )
    loaded = set(ended.stderr.split())
    assert "artfs.cli.commands.info" in loaded
    assert not loaded & {f"artfs.objects.{name}" for name in ("cache", "client", "fetcher", "settings")}


def test_ls_loads_few_modules(artfs: Commands, images: Path) -> None:
    """What loading takes is measured by `scripts/bench`; here its cause is counted, with a little room."""
    artfs.done("put", images, "-n", "animals")
    ended = subprocess.run(
        [sys.executable, "-c", _TELL, "ls"], check=True, capture_output=True, text=True, env=artfs.environment
    )
    loaded = ended.stderr.split()
    assert len([name for name in loaded if name.startswith("artfs")]) <= 118
    assert len(loaded) <= 310
