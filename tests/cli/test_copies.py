"""A store that is copied as COMMANDS.md says is whole, also while writers go on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.data.checked import assert_clean
from tests.support.mounts.mounts import ROOT

_PAGE = ROOT / "artfs/docs/COMMANDS.md"


def _blocks() -> list[str]:
    """The blocks of commands that copy a store."""
    section = _PAGE.read_text().split("## Copying a store")[1].split("\n## ")[0]
    return [
        re.sub(r"^    ", "", block, flags=re.MULTILINE)
        for block in re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    ]


def _script(block: str, store: Path, copy: Path) -> list[str]:
    command = f"{sys.executable} -m artfs.cli"
    script = re.sub(r"^artfs ", f"PYTHONPATH={ROOT} {command} ", block, flags=re.MULTILINE)
    return ["sh", "-ec", script.replace("~/artifacts", str(store)).replace("/backup/artifacts", str(copy))]


def _refs(commands: Commands, store: Path) -> set[str]:
    return {version["ref"] for version in commands.done("--store", store, "log", "animals", "--json").json}


def test_a_store_at_rest_is_copied_by_any_copy(stored: Commands, tmp_path: Path) -> None:
    subprocess.run(_script(_blocks()[0], stored.store, tmp_path / "copy"), check=True)
    assert_clean(tmp_path / "copy")
    assert _refs(stored, tmp_path / "copy") == {"animals:v0"}
    stored.done("--store", tmp_path / "copy", "put", "-q", tmp_path / "images", "-n", "animals")
    assert_clean(tmp_path / "copy")


def test_a_store_that_is_written_to_is_copied_by_journal_and_packs_and_no_gc_comes_between(
    stored: Commands, images: Path, tmp_path: Path
) -> None:
    if shutil.which("flock") is None:
        pytest.fail("the page tells of flock, of util-linux")
    program = (
        "import sys\nfrom artfs.cli.main import main\nnumber = 0\n"
        "while True:\n"
        "    number += 1\n    open(sys.argv[1] + '/new', 'wb').write(b'%d' % number * 50_000)\n"
        "    main(['put', sys.argv[1], '-n', 'animals'])\n    main(['rm', f'animals:v{number}', '--delete-aliases'])\n"
        "    main(['gc', '--now'])\n    print('!', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(images)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=stored.environment,
        cwd=ROOT,
        text=True,
    ) as writing:
        assert writing.stdout is not None
        while writing.stdout.readline() != "!\n":  # it is at work
            assert writing.poll() is None
        copied = subprocess.run(
            _script(_blocks()[1], stored.store, tmp_path / "copy"), capture_output=True, text=True, check=False
        )
        writing.kill()
    assert copied.returncode == 0, copied.stderr
    assert_clean(tmp_path / "copy")
    assert "animals:v0" in _refs(stored, tmp_path / "copy")
    stored.done("--store", tmp_path / "copy", "get", "animals:v0", tmp_path / "out")
    stored.done("--store", tmp_path / "copy", "put", images, "-n", "animals")
    assert_clean(tmp_path / "copy")
