"""What a person sees on a terminal of any width: tables, the bar, pages of the documentation."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from artfs.cli.render.table import fitted, text_width
from tests.support.commands import Commands
from tests.support.terminal import on_terminal


def _seen(artfs: Commands, *arguments: str | Path, columns: int, **environment: str) -> list[str]:
    """The lines that a terminal gets, with what draws them."""
    given = {key: value for key, value in artfs.environment.items() if key not in {"COLUMNS", "NO_COLOR", "LESS"}}
    code, printed, _out = on_terminal(
        artfs.line(*arguments), {**given, "TERM": "xterm", "PAGER": "cat", **environment}, columns=columns
    )
    assert code == 0, printed
    return printed.decode().replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_a_table_fits_the_terminal_and_says_what_was_cut(artfs: Commands, images: Path, columns: int) -> None:
    artfs.done("put", images, "-n", "animals", "-m", "a description " * 9, "--tag", "clean")
    *table, note = _seen(artfs, "log", "animals", columns=columns)
    assert len(table) == 2
    assert all(len(line) <= columns for line in table)
    assert table[1].startswith("v0 ")
    assert note.startswith("artfs: cut to the width of the terminal: ")
    assert "DESCRIPTION" in note
    assert "a description " * 9 in artfs.done("log", "animals").text + " "


def test_a_table_that_has_room_is_whole_and_says_nothing(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    assert len(_seen(artfs, "log", "animals", columns=100)) == 2


def test_a_wide_character_takes_two_cells_and_a_combining_one_none() -> None:
    assert [text_width(text) for text in ("cat", "\u732b", "e\u0301")] == [3, 2, 1]
    rows, cut = fitted([["NAME", "TEXT"], ["a", "\u732b" * 30]], (), 30)
    assert cut == ["TEXT"]
    assert all(sum(map(text_width, row)) + 2 <= 30 for row in rows)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_bar_is_one_line_with_one_kind_of_unit(artfs: Commands, tmp_path: Path, columns: int) -> None:
    artfs.done("init")
    (tmp_path / "big").write_bytes(os.urandom(20 << 20))
    [*drawn, _ref] = _seen(artfs, "put", tmp_path / "big", "-n", "big", columns=columns)
    text = "\n".join(drawn)
    assert "\x1b[1A\x1b[2K\x1b[1A" not in text  # it never goes up more than one line
    frames = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\n", "\r").split("\r")
    assert any("MiB" in frame for frame in frames)
    assert all(text_width(frame) <= columns for frame in frames)
    assert not re.search(r"\b[kMG]B\b", text)


def test_a_page_is_laid_out_and_paged_on_a_terminal(artfs: Commands) -> None:
    lines = _seen(artfs, "help", "glossary", columns=60, PAGER="sed s/^/PAGED/")
    assert all(line.startswith("PAGED") for line in lines)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).removeprefix("PAGED") for line in lines]
    assert all(text_width(line) <= 60 for line in plain)
    assert not any(line.startswith(("#", "|")) for line in plain)
    whole = _seen(artfs, "help", "glossary", columns=60, PAGER="no-such-pager")
    assert len(whole) == len(lines)


def test_no_colour_is_used_where_none_is_wanted(artfs: Commands) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|4[0-7]|9[0-7])m")
    assert any(map(colour.search, _seen(artfs, "help", "tasks", columns=80)))
    assert not any(map(colour.search, _seen(artfs, "help", "tasks", columns=80, NO_COLOR="1")))
