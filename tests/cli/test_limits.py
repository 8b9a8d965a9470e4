"""Commands under the limits that batch systems and shells set: addresses (`ulimit -v`) and open files (`ulimit -n`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands

LEVELS = 1100


@pytest.mark.parametrize("gib", [1, 512])
def test_every_command_works_with_few_addresses(artfs: Commands, images: Path, gib: int) -> None:
    limits = ("bash", "-c", f'ulimit -v {gib << 20}; exec "$@"', "bash")
    for words in (
        ("put", images, "-n", "animals"),
        ("ls",),
        ("cat", "animals/labels.csv"),
        ("get", "animals", "out"),
        ("alias", "add", "animals", "best"),
        ("gc",),
        ("fsck", "--read-data"),
        ("fsck", "--repair"),
        ("doctor",),
    ):
        ended = artfs.process(*words, prefix=limits)
        assert ended.code == 0, (words, ended)


def test_mounts_and_drafts_work_with_few_addresses(stored: Commands, places: tuple[Path, Path]) -> None:
    limits = ("bash", "-c", f'ulimit -v {2 << 20}; exec "$@"', "bash")
    ended = stored.process("mount", *places[:1], "--staging", places[1], prefix=limits)
    assert (ended.code, ended.err) == (0, b""), ended
    assert (places[0] / "animals/v0/labels.csv").read_text() == "tom,cat\n"
    for name in ("a", "b", "c"):
        draft = Path(stored.process("stage", "animals", "--as", name, prefix=limits).text)
        (draft / "new").write_text(name)
        assert stored.process("commit", draft, prefix=limits).code == 0
    assert (places[0] / "animals/latest/new").read_text() == "c"


def test_a_deep_tree_is_stored_read_and_written_out_with_1024_descriptors(artfs: Commands, tmp_path: Path) -> None:
    deep = _deep(tmp_path / "deep", "d")
    for words in (
        ("put", deep, "-n", "deep"),
        ("get", "deep", "out"),
        ("get", "deep", "out"),
        ("ls", "-R", "deep"),
        ("tree", "deep"),
        ("-q", "diff", "deep", "deep"),
        ("fsck",),
    ):
        ended = artfs.process(*words, prefix=_FEW_FILES)
        assert (ended.code, ended.err) == (0, b""), (words, ended)
    assert Path("out", *["d"] * LEVELS, "leaf").exists()


_CHECK_OUT = """
import sys, artfs
artifact = artfs.Api(sys.argv[1]).artifact("deep")
artifact.checkout(sys.argv[2])
artifact.verify(sys.argv[2])
"""


def test_a_deep_tree_is_checked_out_over_another_and_verified(artfs: Commands, tmp_path: Path) -> None:
    artfs.done("put", _deep(tmp_path / "deep", "d"), "-n", "deep")
    _deep(tmp_path / "out", "other")
    program = [*_FEW_FILES, sys.executable, "-c", _CHECK_OUT, str(artfs.store), str(tmp_path / "out")]
    ended = subprocess.run(program, env=artfs.environment, check=False, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert os.listdir(tmp_path / "out") == ["d"]


def test_a_draft_of_a_deep_tree_is_changed_at_its_end_and_committed(
    artfs: Commands, places: tuple[Path, Path], tmp_path: Path
) -> None:
    artfs.done("put", _deep(tmp_path / "deep", "d"), "-n", "deep")
    ended = artfs.process("mount", places[0], "--staging", places[1], prefix=_FEW_FILES)
    assert (ended.code, ended.err) == (0, b""), ended
    draft = Path(artfs.process("stage", "deep", prefix=_FEW_FILES).text)
    leaf = Path(*["d"] * LEVELS, "leaf")
    (draft / leaf).write_text("changed")
    for words in (("status", draft), ("commit", draft)):
        ended = artfs.process(*words, prefix=_FEW_FILES)
        assert (ended.code, ended.err) == (0, b""), (words, ended)
    assert (places[0] / "deep/v1" / leaf).read_text() == "changed"


_FEW_FILES = ("bash", "-c", 'ulimit -n 1024; exec "$@"', "bash")


def _deep(top: Path, name: str) -> Path:
    """Make a directory with a file `leaf` below many levels of a name."""
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _level in range(LEVELS):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    return top
