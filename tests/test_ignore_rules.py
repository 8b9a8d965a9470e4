"""Ignore rules mean what git means by them, and matching takes a time that no pattern can stretch."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.errors import InvalidInputError
from artfs.ignore_rules import MAX_IGNORE_BYTES, IgnoreRules, read_ignore_file

_SETS = 2000
_NAMES = [
    b"a",
    b"b",
    b"ab",
    b"aab",
    b"abc",
    b"b.a",
    b".a",
    b"a-b",
    b"A",
    b"a b",
    b"a ",
    b"x\\y",
    b"[",
    b"*",
    b"!a",
    b"\xff",
]
_PIECES = [
    *(
        b"a",
        b"b",
        b"ab",
        b"c",
        b".",
        b"-",
        b"/",
        b"/",
        b"/",
        b"*",
        b"*",
        b"*",
        b"**",
        b"**/",
        b"/**",
        b"/**/",
        b"***",
        b"?",
    ),
    *(
        b"[ab]",
        b"[!a]",
        b"[^b]",
        b"[a-c]",
        b"[]a]",
        b"[!]]",
        b"[a-]",
        b"[[:alpha:]]",
        b"[[:punct:]b]",
        b"[[:space:]]",
        b"[[:no:]]",
    ),
    *(
        b"[",
        b"]",
        b"[[",
        b"[a",
        b"[\\]]",
        b"[a\\-c]",
        b"[[:a]",
        b"\\a",
        b"\\*",
        b"\\",
        b"\\/",
        b"\\ ",
        b" ",
        b"!",
        b"#",
        b"\r",
        b"\xff",
    ),
]


def _pattern(random_: random.Random) -> bytes:
    """A pattern of pieces; now and then a plain one, an exception, or one for directories."""
    line = b"".join(random_.choices(_PIECES, k=random_.choice((1, 1, 2, 2, 3, 4, 5))))
    if random_.random() < 0.3:
        line = random_.choice(_NAMES) + random_.choice((b"", b"/", b"/*", b"/**", b"*"))
    return random_.choice((b"", b"", b"", b"!", b"!", b"/")) + line + random_.choice((b"", b"", b"", b"/", b" "))


def _make_tree(top: Path, random_: random.Random) -> list[tuple[bytes, bool]]:
    """Make some directories, files and symlinks; return their paths, and whether each is a directory."""
    top.mkdir()
    made: list[tuple[bytes, bool]] = []
    directories = [b""]
    for _number in range(12):
        path = random_.choice(directories) + random_.choice(_NAMES)
        if any(path == other for other, _is_directory in made):
            continue
        real = os.path.join(os.fsencode(top), path)
        kind = random_.random()
        if kind < 0.5:
            os.mkdir(real)
            directories.append(path + b"/")
        elif kind < 0.9:
            os.close(os.open(real, os.O_CREAT | os.O_WRONLY))
        else:
            os.symlink(b".", real)
        made.append((path, kind < 0.5))
    return made


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory for many small files, in memory where the system has such a place."""
    shared = Path("/dev/shm")  # noqa: S108 # a directory of its own is made in it
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else tmp_path) as made:
        yield Path(made)


def test_generated_patterns_ignore_what_git_ignores(memory: Path) -> None:
    random_ = random.Random(15)
    subprocess.run(["git", "init", "-q", memory], check=True)
    expected: set[bytes] = set()
    asked: list[bytes] = []
    sets: dict[bytes, bytes] = {}
    for number in range(_SETS):
        top = memory / str(number)
        tree = _make_tree(top, random_)
        text = random_.choice((b"\n", b"\n", b"\r\n")).join(_pattern(random_) for _ in range(random_.randint(1, 5)))
        (top / ".gitignore").write_bytes(text)
        prefix = str(number).encode()
        sets[prefix] = text
        rules = IgnoreRules(text)
        for path, is_directory in tree:
            asked.append(prefix + b"/" + path)
            if rules.ignores(path, is_directory=is_directory):
                expected.add(prefix + b"/" + path)
    command = ["git", "-C", str(memory), "check-ignore", "--no-index", "-z", "--stdin"]
    printed = subprocess.run(command, input=b"\0".join(asked), capture_output=True, check=True).stdout
    found = set(printed.split(b"\0")[:-1])
    assert [(path, sets[path.partition(b"/")[0]]) for path in sorted(found ^ expected)] == []
    assert len(asked) // 10 < len(found) < len(asked) * 9 // 10  # both answers are common


@pytest.mark.parametrize(
    "pattern",
    [
        b"*a" * 10 + b"b",
        b"**/" * 40 + b"*a*a*a*a*a*a*a*a*ab",
        b"/" + b"**/*a" * 40 + b"/b",
        b"*[ab]?" * 80 + b"c",
        b"\n".join(b"*" + b"a?" * index + b"*b" for index in range(30)),
    ],
)
def test_the_worst_pattern_over_ten_thousand_names_takes_less_than_two_seconds(pattern: bytes) -> None:
    rules = IgnoreRules(pattern)
    began = time.process_time()
    states = rules.top
    for number in range(10_000):
        _ignored, inner = rules.match(states, b"a" * 200 + b"%d" % number, is_directory=number % 100 == 0)
        states = inner or states
    assert time.process_time() - began < 2.0


def test_an_exception_brings_files_back_below_directories_that_are_not_ignored() -> None:
    rules = IgnoreRules(b"*\n!*/\n!*.pth\n")
    assert not rules.ignores(b"sub/b.pth", is_directory=False)
    assert rules.ignores(b"sub/b.txt", is_directory=False)


def test_more_patterns_than_can_be_matched_quickly_are_refused_with_the_path(tmp_path: Path) -> None:
    (tmp_path / ".artfsignore").write_bytes(b"a\n" * (MAX_IGNORE_BYTES // 2 + 1))
    with pytest.raises(InvalidInputError, match=r"\.artfsignore"):
        read_ignore_file(os.fsencode(tmp_path))


def test_an_ignore_file_that_is_no_regular_file_has_no_patterns(tmp_path: Path) -> None:
    (tmp_path / "patterns").write_text("*")
    for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("patterns", path)):
        make(tmp_path / ".artfsignore")
        assert read_ignore_file(os.fsencode(tmp_path)) is None
        (tmp_path / ".artfsignore").rename(tmp_path / f"old-{make.__name__}")
