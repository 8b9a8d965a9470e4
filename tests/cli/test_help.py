"""Help: every command has it, and no example or page tells of something that is not there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from artfs import errors
from artfs.cli.command import ArtfsCommand, ArtfsGroup
from artfs.cli.root import cli
from tests.support.commands import Commands

_ROOT = Path(__file__).parents[2]
_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "artfs/docs").glob("*.md"))]


def _walk(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _walk(command, *path, name)


_COMMANDS = dict(_walk(cli))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[click.Command]:
    """Commands that were called with arguments that they take; none of them runs."""
    called: list[click.Command] = []

    def invoke(command: click.Command, context: click.Context) -> None:
        if context.invoked_subcommand is None:  # else it is a group on the way to one of its parts
            called.append(command)

    monkeypatch.setattr(click.Command, "invoke", invoke)
    return called


def _arguments(line: str) -> list[str]:
    """The arguments of a command line as a shell would give them, without redirections and other commands of a pipe."""
    words = shlex.split(line, comments=True)
    words = words[words.index("artfs") + 1 :]
    ends = [number for number, word in enumerate(words) if word in (">", ">>", "|", "&&", "||")]
    return words[: ends[0] if ends else None]


@pytest.mark.parametrize("path", _COMMANDS, ids=" ".join)
def test_every_command_has_help_with_examples_that_it_takes(
    artfs: Commands, parsed: list[click.Command], path: tuple[str, ...]
) -> None:
    command = _COMMANDS[path]
    assert isinstance(command, ArtfsCommand | ArtfsGroup)
    assert command.examples
    shown = artfs.done(*path, "--help").text
    assert shown.startswith(f"Usage: artfs {' '.join(path)} ")
    for example in command.examples:
        assert f"  {example}\n" in f"{shown}\n"
        assert " ".join(path) in example
        artfs.done(*_arguments(example))
        assert len(parsed) == 1
        assert parsed.pop() is command or isinstance(command, ArtfsGroup)


@pytest.mark.parametrize("path", _COMMANDS, ids=" ".join)
def test_every_option_and_argument_is_described(path: tuple[str, ...]) -> None:
    command = _COMMANDS[path]
    summary = command.get_short_help_str(1000)
    assert len(summary) <= 66, summary
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, parameter.name


def test_the_group_lists_all_commands_and_runs_without_any(artfs: Commands) -> None:
    shown = artfs.done("--help").text
    assert artfs.done().text == shown
    for path, command in _COMMANDS.items():
        if len(path) == 1:
            assert re.search(rf"^  {path[0]} +{re.escape(command.get_short_help_str(100)[:10])}", shown, re.MULTILINE)


def test_the_version_is_printed(artfs: Commands) -> None:
    assert re.fullmatch(r"artfs \d+\.\d+\.\d+\S*", artfs.done("--version").text)


def test_help_lists_and_prints_the_pages_and_the_help_of_commands(artfs: Commands) -> None:
    listed = {line.split()[0] for line in artfs.done("help").lines}
    assert "commands" in listed
    for topic in listed:
        assert artfs.done("help", topic.upper()).out == (_ROOT / f"artfs/docs/{topic.upper()}.md").read_bytes()
    assert artfs.done("help", "put").text == artfs.done("put", "--help").text


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_command_line_that_a_page_shows_is_one_that_artfs_takes(
    artfs: Commands, parsed: list[click.Command], page: Path
) -> None:
    lines = re.findall(r"^ *(?:\$ )(artfs .*)$", page.read_text(), re.MULTILINE)
    for line in lines:
        artfs.done(*_arguments(line))
    assert len(parsed) <= len(lines)


@pytest.mark.parametrize("name", ["README.md", "artfs/docs/COMMANDS.md"])
def test_every_command_that_a_page_for_users_names_exists(name: str) -> None:
    named = set(re.findall(r"`artfs ([a-z]+)", (_ROOT / name).read_text()))
    assert named <= {path[0] for path in _COMMANDS}


def test_the_readme_names_every_command() -> None:
    named = set(re.findall(r"`artfs ([a-z]+)", (_ROOT / "README.md").read_text()))
    assert {path[0] for path in _COMMANDS} - named <= {"help"}


def test_every_picture_that_the_readme_shows_is_there_and_small() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (_ROOT / "README.md").read_text())
    assert shown
    for name in shown:
        picture = (_ROOT / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) <= 200_000


def test_every_exit_code_is_documented() -> None:
    table = (_ROOT / "artfs/docs/COMMANDS.md").read_text()
    classes = [getattr(errors, name) for name in errors.__all__]
    for code in {error.exit_code for error in classes} | {0, 1, 2}:
        assert f"\n| {code} | " in table
