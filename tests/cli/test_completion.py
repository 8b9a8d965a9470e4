"""Completion: what a shell is offered, and that a real bash puts it where it belongs."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def stored(artfs: Commands, images: Path) -> Commands:
    """`animals:v0`, which has an alias, and tags, `birds:v0`, and a deleted version."""
    artfs.done("put", images, "-n", "animals", "-a", "best", "--tag", "clean", "--tag", "two words")
    artfs.done("put", images / "labels.csv", "-n", "animals")
    artfs.done("-q", "rm", "animals:v1")
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
        ("artfs cat animals:v0/", ["animals:v0/best", "animals:v0/cats/", "animals:v0/labels.csv"]),
        ("artfs cat animals:v0/cats/t", ["animals:v0/cats/tom.png"]),
        ("artfs ls animals:best/c", ["animals:best/cats/"]),
        ("artfs cat animals:v0/nosuch/", []),
        ("artfs get animals:best --path ", ["best", "cats/", "labels.csv"]),
        ("artfs get animals --path cats/t", ["cats/tom.png"]),
        ("artfs restore animals --path=l", ["labels.csv"]),
        ("artfs get --path ", []),
        ("artfs tag rm animals ", ["clean", "two\\ words"]),
        ("artfs put x -t m", ["model"]),
        ("artfs help tas", ["tasks"]),
        ("artfs help umo", ["umount"]),
        ("artfs undelete a", ["animals:v1"]),
        ("artfs config u", ["unset"]),
        ("artfs config get c", ["cache.size"]),
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


def _program(artfs: Commands, directory: Path) -> None:
    """Make `artfs` in the directory's `bin`."""
    (directory / "bin").mkdir(exist_ok=True)
    program = directory / "bin/artfs"
    program.write_text(f'#!/bin/sh\nexec {os.fsdecode(b" ".join(artfs.line()))} "$@"\n')
    program.chmod(0o755)


def _completed(artfs: Commands, directory: Path, line: str, *words: str) -> list[str]:
    """What bash makes of a line that it holds for these words, the last of them to be completed."""
    _program(artfs, directory)
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


def test_runs_and_their_types_are_offered(stored: Commands) -> None:
    stored.process("run", "--name", "baseline", "--job-type", "train", "--", "true")
    [run] = stored.done("runs", "--json").json
    assert _offered(stored, f"artfs runs show {run['id'][:3]}") == [run["id"]]
    assert _offered(stored, "artfs runs --job-type t") == ["train"]


def test_mounted_directories_are_offered_as_the_word_was_begun(
    stored: Commands, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.process("mount", places[0])
    assert _offered(stored, f"artfs umount {places[0].parent}/") == [str(places[0])]
    monkeypatch.setitem(stored.environment, "HOME", str(places[0].parent))
    assert _offered(stored, "artfs umount ~/a") == ["~/art"]
    assert _offered(stored, "artfs umount ~/n") == []


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_what_the_help_says_works_in_a_real_shell_of_a_new_account(
    stored: Commands, tmp_path: Path, shell: str
) -> None:
    """The words are typed into a terminal; what Tab makes of them is run."""
    _program(stored, tmp_path)
    (tmp_path / f".{shell}rc").write_bytes(stored.done("completion", shell).out)
    environment = {
        "ARTFS_STORE": str(stored.store),
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": stored.environment["PYTHONPATH"],
    }
    prompted = {"bash": "PROMPT_COMMAND='printf READY'\n", "zsh": "precmd() { printf READY }\n"}[shell]
    with (tmp_path / f".{shell}rc").open("a") as file:
        file.write(prompted)
    lines = [b"artfs cat animals:best/lab\t > out.csv\n", b"artfs ls animals:v0/c\t > out.txt\n", b"exit\n"]
    control, terminal = os.openpty()
    with subprocess.Popen(
        [shell, "-i"], stdin=terminal, stdout=terminal, stderr=terminal, cwd=tmp_path, env=environment, process_group=0
    ) as process:
        os.close(terminal)
        printed, prompts = b"", 0
        with contextlib.suppress(OSError):  # EIO: the shell has closed the terminal
            while data := os.read(control, 65536):
                printed += data
                if printed.count(b"READY") > prompts < len(lines):
                    os.write(control, lines[prompts])
                    prompts += 1
        os.close(control)
    assert process.returncode == 0, printed
    assert (tmp_path / "out.csv").read_text() == "tom,cat\n", printed
    assert (tmp_path / "out.txt").read_text() == "tom.png\n", printed
    assert b"not found" not in printed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_every_shell_asks_artfs(artfs: Commands, shell: str) -> None:
    assert f"_ARTFS_COMPLETE={shell}_complete" in artfs.done("completion", shell).text
