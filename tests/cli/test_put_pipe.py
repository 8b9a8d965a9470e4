"""`artfs put` of a pipe: read to its end, under the name that `--name-in` gives it."""

from __future__ import annotations

import os
import random
import shlex
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.commands import Commands, Ended


def _put_through_a_shell(artfs: Commands, words: str, source: Path) -> Ended:
    """Run a line of a shell that knows the command as `artfs` and the file as `$1`."""
    known = shlex.join(map(os.fsdecode, artfs.line()))
    line: list[str | Path] = ["bash", "-c", f'artfs() {{ {known} "$@"; }}; {words}', "bash", source]
    ended = subprocess.run(line, capture_output=True, env=artfs.environment, timeout=60, check=False)
    return Ended.of(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize(
    "words",
    [
        'cat "$1" | artfs put /dev/stdin --name-in a.bin -n stored',
        'artfs put <(cat "$1") --name-in a.bin -n stored',
        'artfs put /dev/stdin --name-in a.bin -n stored < "$1"',
        'artfs put "$1" --name-in a.bin -n stored',
    ],
)
@pytest.mark.parametrize("size", [0, 100, 9_000_001])
def test_what_comes_through_a_pipe_is_stored_as_the_file_that_is_named(
    artfs: Commands, tmp_path: Path, words: str, size: int
) -> None:
    source = tmp_path / "source"
    source.write_bytes(random.Random(size).randbytes(size))
    ended = _put_through_a_shell(artfs, words, source)
    assert (ended.code, ended.text, ended.err) == (0, "stored:v0", b""), ended
    (entry,) = artfs.done("ls", "stored", "--json").json
    assert (entry["path"], entry["size"]) == ("a.bin", size)
    assert artfs.done("cat", "stored/a.bin").out == source.read_bytes()


def test_a_fifo_that_is_named_is_read_and_one_in_a_directory_is_refused(artfs: Commands, tmp_path: Path) -> None:
    fifo = tmp_path / "data" / "fifo"
    fifo.parent.mkdir()
    os.mkfifo(fifo)
    assert "is a pipe: say with --name-in NAME" in artfs("put", fifo, "-n", "stored").failed(5)
    assert "is a FIFO" in artfs("put", fifo.parent, "-n", "stored").failed(5)
    writer = threading.Thread(target=lambda: fifo.write_text("through"))
    writer.start()
    artfs.done("put", fifo, "--name-in", "file", "-n", "stored")
    writer.join()
    assert artfs.done("cat", "stored/file").text == "through"


@pytest.mark.parametrize("name", ["", "a/b", "..", ".artfs", "x" * 256])
def test_a_name_that_no_file_can_have_is_refused_before_anything_is_read(
    artfs: Commands, tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert artfs("put", tmp_path / "fifo", "--name-in", name, "-n", "stored").code == 2


def test_a_name_is_for_one_file(artfs: Commands, images: Path) -> None:
    labels = images / "labels.csv"
    for paths in ((images,), (labels, labels)):
        said = artfs("put", *paths, "--name-in", "x", "-n", "stored").failed(2)
        assert said == "'x' can be the name of one file or pipe: store just that"
