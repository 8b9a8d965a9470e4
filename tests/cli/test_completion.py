"""Completion: what a shell is offered, and that a real bash puts it where it belongs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def stored(artfs: Commands, images: Path) -> Commands:
    """`animals:v0`, which has the alias `best`, and `birds:v0`."""
    artfs.done("put", images, "-n", "animals", "-a", "best")
    artfs.done("put", images, "-n", "birds", "-t", "model")
    return artfs


def _offered(artfs: Commands, line: str) -> list[str]:
    """What bash is offered for the end of a line."""
    ended = artfs.process(environment={"_ARTFS_COMPLETE": "bash_complete", "COMP_WORDS": line})
    assert (ended.code, ended.err) == (0, b"")
    return [word.split(",", 1)[1] for word in ended.lines if word]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("artfs ren", ["rename"]),
        ("artfs alias r", ["rm"]),
        ("artfs ls ", ["animals", "birds"]),
        ("artfs ls b", ["birds"]),
        ("artfs show animals:", ["animals:best", "animals:latest", "animals:v0"]),
        ("artfs show animals:v", ["animals:v0"]),
        ("artfs diff animals:v0 animals:b", ["animals:best"]),
        ("artfs log a", ["animals"]),
        ("artfs completion z", ["zsh"]),
        ("artfs put x --if", ["--if-changed"]),
        ("artfs show nobody:", []),
    ],
)
def test_commands_options_artifacts_versions_and_aliases_are_offered(
    stored: Commands, line: str, words: list[str]
) -> None:
    assert _offered(stored, line) == words


def test_no_store_offers_nothing_and_says_nothing(artfs: Commands) -> None:
    assert _offered(artfs, "artfs show a") == []


def test_zsh_and_fish_are_offered_the_same(stored: Commands) -> None:
    zsh = stored.process(
        environment={"_ARTFS_COMPLETE": "zsh_complete", "COMP_WORDS": "artfs show animals:b", "COMP_CWORD": "2"}
    )
    assert zsh.lines[:2] == ["plain", "animals:best"]
    fish = stored.process(
        environment={"_ARTFS_COMPLETE": "fish_complete", "COMP_WORDS": "artfs show b", "COMP_CWORD": "b"}
    )
    assert "birds" in fish.text


def _completed(artfs: Commands, directory: Path, line: str, *words: str) -> list[str]:
    """What bash makes of a line that it holds for these words, the last of them to be completed."""
    (directory / "bin").mkdir(exist_ok=True)
    program = directory / "bin/artfs"
    program.write_text(f'#!/bin/sh\nexec {os.fsdecode(b" ".join(artfs.line()))} "$@"\n')
    program.chmod(0o755)
    script = f"""
        eval "$(artfs completion bash)"
        COMP_LINE={line!r} COMP_POINT={len(line)}
        COMP_WORDS=({" ".join(words)}) COMP_CWORD={len(words) - 1}
        _artfs_completion artfs
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ended = subprocess.run(
        ["bash", "--norc", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**artfs.environment, "PATH": f"{directory / 'bin'}:{os.environ['PATH']}"},
    )
    assert ended.stderr == ""
    return ended.stdout.split()


def test_bash_replaces_only_what_stands_behind_the_colon(stored: Commands, tmp_path: Path) -> None:
    """Bash breaks words at colons: for it the word to complete is what stands behind the last one."""
    assert _completed(stored, tmp_path, "artfs show an", "artfs", "show", "an") == ["animals"]
    assert _completed(stored, tmp_path, "artfs show animals:b", "artfs", "show", "animals", ":", "b") == ["best"]
    assert _completed(stored, tmp_path, "artfs show animals:", "artfs", "show", "animals", ":") == [
        "best",
        "latest",
        "v0",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_every_shell_asks_artfs(artfs: Commands, shell: str) -> None:
    assert f"_ARTFS_COMPLETE={shell}_complete" in artfs.done("completion", shell).text
