"""Locales that know ASCII alone: names and texts are UTF-8 there too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_utf8_arguments_are_taken_in_a_locale_of_ascii(artfs: Commands, images: Path, locale: str) -> None:
    """S94: In the C locale, names, aliases and descriptions are UTF-8 as in any other."""
    ascii_alone = {"LC_ALL": locale, "LANG": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    def run(*words: str | Path) -> bytes:
        ended = artfs.process(*words, environment=ascii_alone)
        assert (ended.code, ended.err) == (0, b""), ended
        return ended.out

    (images / "größe.txt").write_text("12")
    assert run("put", images, "-n", "sizes", "-a", "schön", "-m", "für später") == b"sizes:v0\n"
    assert "größe.txt" in run("ls", "sizes:schön").decode()
    assert run("cat", "sizes/größe.txt") == b"12"
    run("get", "sizes", "größe")
    assert Path("größe/größe.txt").read_text() == "12"
    assert "für später" in run("log", "sizes").decode()
    # What is not UTF-8 is refused as ever.
    refused = artfs.process("put", images, "-n", "x", "-m", b"\xff", environment=ascii_alone)
    assert "is not UTF-8" in refused.failed(2)
