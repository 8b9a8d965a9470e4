"""The progress bar is for a person who waits, and for nobody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.terminal import on_terminal


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file that is worth a bar."""
    path = tmp_path / "big"
    path.write_bytes(os.urandom(20 << 20))
    return path


def _plain(printed: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode())


def test_put_get_and_warm_draw_a_bar_on_a_terminals_stderr_and_results_on_stdout(artfs: Commands, big: Path) -> None:
    environment = {**artfs.environment, "TERM": "xterm", "COLUMNS": "100"}
    for arguments, word, result in (
        (("put", big, "-n", "big"), "storing", b"big:v0\n"),
        (("put", "-n", "far", "--ref", big.as_uri(), "--checksum", "content"), "reading", b"far:v0\n"),
        (("get", "big"), "writing", b"artifacts/big:v0\n"),
        (("warm", "big"), "reading", b"read 20 MiB of big:v0 from the packs\n"),
    ):
        code, printed, out = on_terminal(artfs.line(*arguments), environment, out=False)
        assert (code, out) == (0, result)
        assert word in _plain(printed)
        assert "/20.0 MiB" in _plain(printed).replace(" bytes", "").replace("0/20.0", "/20.0")


def test_nothing_is_drawn_for_what_is_done_at_once(artfs: Commands, images: Path) -> None:
    artfs.done("init")
    code, printed, out = on_terminal(artfs.line("put", images, "-n", "animals"), artfs.environment, out=False)
    assert (code, out) == (0, b"animals:v0\n")
    assert printed == b"artfs: animals:v0 has 2 files, 5.0 KiB; 5.0 KiB were new\r\n"


def test_nothing_is_drawn_by_a_quiet_command(artfs: Commands, big: Path) -> None:
    code, printed, out = on_terminal(artfs.line("put", big, "-n", "big", "-q"), artfs.environment, out=False)
    assert (code, printed, out) == (0, b"", b"big:v0\n")


def test_nothing_is_drawn_and_rich_not_loaded_without_a_terminal(artfs: Commands, big: Path) -> None:
    artfs.done("init")
    program = (
        "import sys; from artfs.cli.main import main; code = main(sys.argv[1:]); "
        "assert not {'rich', 'asyncio'} & set(sys.modules); sys.exit(code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "put", big, "-n", "big"], check=True, capture_output=True, env=artfs.environment
    )
    assert (ended.stdout, ended.stderr) == (b"big:v0\n", b"")
