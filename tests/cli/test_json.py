"""JSON documents have the keys that the documentation promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Commands

_PAGE = Path(__file__).parents[2] / "artfs/docs/COMMANDS.md"


def _promised(command: str) -> set[str]:
    """The words of the row of a command in the table of documents."""
    row = re.search(rf"^\| [^|]*`{command}`[^|]*\| (.*) \|$", _PAGE.read_text(), re.MULTILINE)
    assert row is not None, command
    return set(" ".join(re.findall(r"`([^`]*)`", row[1])).split())


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("ls", ("ls",)),
        ("ls REF", ("ls", "animals")),
        ("ls REF", ("tree", "animals")),
        ("show", ("show", "animals")),
        ("show", ("put", "images", "-n", "more")),
        ("edit", ("edit", "animals", "--ttl", "1d")),
        ("link", ("link", "animals", "zoo")),
        ("show", ("log", "animals")),
        ("diff", ("diff", "animals", "animals")),
        ("get", ("get", "animals")),
        ("du", ("du",)),
        ("info", ("info",)),
        ("warm", ("warm", "animals")),
        ("alias ls", ("alias", "ls", "animals")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_documents_have_the_keys_of_the_table(
    artfs: Commands, images: Path, command: str, arguments: tuple[str, ...]
) -> None:
    Path("images").symlink_to(images)
    artfs.done("put", images, "-n", "animals")
    document: Any = artfs.done(*arguments, "--json").json
    keys = {key for row in document for key in row} if isinstance(document, list) else set(document)
    assert keys - {"children", "logged"} <= _promised(command)
    optional = {"target", "entries"}
    if command not in ("diff", "du"):  # theirs are nested
        assert _promised(command) <= keys | optional
