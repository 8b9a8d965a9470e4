"""Odd names: escaped on a terminal, exact in a pipe, lossless in JSON."""

from __future__ import annotations

import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Commands
from tests.support.terminal import on_terminal

_ODD = [b"\x1b[31mred\x1b[0m", b"bell\x07", b"new\nline", "bidi\u202etxt".encode(), b"\xff\xfe", "ünïcödé 猫".encode()]


@pytest.fixture
def stored(artfs: Commands, tmp_path: Path) -> Commands:
    """`odd:v0`: a file of each odd name, and links to odd targets."""
    top = os.fsencode(tmp_path / "odd")
    os.mkdir(top)
    for name in _ODD:
        with open(top + b"/" + name, "wb") as file:
            file.write(name)
    os.symlink(b"to\n\xff", top + b"/link")
    artfs.done("put", tmp_path / "odd", "-n", "odd")
    return artfs


def _on_terminal(artfs: Commands, *arguments: str) -> bytes:
    """What a command prints on a terminal."""
    code, printed, _apart = on_terminal(artfs.line(*arguments), artfs.environment)
    assert code == 0
    return printed


@pytest.mark.parametrize("command", [("ls", "odd"), ("ls", "-l", "odd"), ("tree", "odd"), ("diff", "empty", "odd")])
def test_a_terminal_gets_no_control_character_of_a_name(
    stored: Commands, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    stored.done("put", tmp_path / "empty", "-n", "empty")
    printed = _on_terminal(stored, *command)
    text = printed.replace(b"\r\n", b"").decode()
    assert text.isprintable(), printed
    for escaped in ("\\x1b[31mred\\x1b[0m", "bell\\x07", "new\\nline", "ünïcödé 猫", "\\xff\\xfe"):
        assert escaped in text


def test_a_pipe_gets_the_bytes_of_a_name(stored: Commands) -> None:
    listed = stored.done("ls", "-R", "odd").out
    assert listed == b"".join(name + b"\n" for name in sorted([*_ODD, b"link"]))


def test_any_name_can_be_written_as_an_argument(stored: Commands) -> None:
    for name in _ODD:
        assert stored.done("cat", b"odd/" + name).out == name
        stored.done("get", "odd", b"out-" + name, "--path", name)
        assert Path(os.fsdecode(b"out-" + name)).read_bytes() == name


def _exact(document: dict[str, Any], key: str) -> bytes:
    """How the documentation says to read a name from JSON."""
    if f"{key}_base64" in document:
        return b64decode(document[f"{key}_base64"])
    text: str = document[key]
    return text.encode()


def test_json_loses_no_byte_of_a_name(stored: Commands, tmp_path: Path) -> None:
    entries = stored.done("ls", "odd", "--json").json
    assert sorted(_exact(entry, "path") for entry in entries) == sorted([*_ODD, b"link"])
    assert [_exact(entry, "target") for entry in entries if entry["kind"] == "symlink"] == [b"to\n\xff"]
    assert [entry["path"] for entry in entries if "path_base64" in entry] == ["\ufffd\ufffd"]
    children = stored.done("tree", "odd", "--json").json["children"]
    assert sorted(_exact(child, "path") for child in children) == sorted([*_ODD, b"link"])
    (tmp_path / "empty").mkdir()
    stored.done("put", tmp_path / "empty", "-n", "empty")
    changes = stored.done("diff", "empty", "odd", "--json").json["changes"]
    assert sorted(_exact(change, "path") for change in changes) == sorted([*_ODD, b"link"])
    got = stored.done("get", "odd", b"\xff-out", "--json").json
    assert _exact(got, "path") == b"\xff-out"


def test_descriptions_and_metadata_cannot_reach_the_terminal_either(artfs: Commands, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    artfs.done(
        "put", tmp_path / "empty", "-n", "a", "-m", "\x1b[31m\nx", "--meta", 'k="\x9b31m\u202e"', "--meta", "\x1b=1"
    )
    for command in (("show", "a"), ("log", "a"), ("ls", "-l")):
        assert _on_terminal(artfs, *command).replace(b"\r\n", b"").decode().isprintable()
