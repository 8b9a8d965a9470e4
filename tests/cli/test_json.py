"""JSON documents have the keys that the documentation promises, those of every command."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from artfs.cli.root import cli
from tests.support.commands import Commands

_PAGE = Path(__file__).parents[2] / "artfs/docs/COMMANDS.md"
_TABLE = _PAGE.read_text().partition("\n## JSON\n")[2].partition("\n## ")[0]
_WITHOUT = {"cat", "completion", "help", "run", "ui"}
"""Commands that have no data of their own to print."""
_USERS = {"metadata", "config", "aliases", "renamed_runs", "before", "after"}
"""Keys of objects whose keys are the user's, or those of a record of the journal."""


@dataclass(frozen=True)
class _Case:
    """A command line, and the rows of the table that have the keys of its document.

    Attributes:
        arguments: The command line, without `--json`.
        rows: The rows.
        absent: Words of these rows that need not be keys of this document.
        before: Command lines that make what it is about.
    """

    arguments: str
    rows: tuple[str, ...]
    absent: str = ""
    before: tuple[str, ...] = ()


_ENTRY = "entries target"
_VERSION = "origin store link run"
_CASES = (
    _Case("ls", ("ls",)),
    _Case("ls animals", ("ls REF",)),
    _Case("tree animals", ("ls REF", "tree")),
    _Case("show animals", ("show",), _VERSION),
    _Case(
        "show animals --store other", ("show",), "link run", ("export animals a.artfs", "import a.artfs --store other")
    ),
    _Case("put images -n more", ("show", "put"), _VERSION),
    _Case("edit animals --ttl 1d", ("show",), _VERSION),
    _Case("edit animals --artifact -m x", ("ls",)),
    _Case("link animals zoo", ("show",), "origin store"),
    _Case("log animals", ("show",), _VERSION),
    _Case("ls --tag x", ("show",), _VERSION, ("tag add animals x",)),
    _Case("diff animals:v0 animals:v1", ("diff",), _ENTRY, ("put changed -n animals",)),
    _Case("get animals", ("get",)),
    _Case("get animals out --delete --force", ("get", "get --delete"), "", ("get animals out", "get animals out/more")),
    _Case(
        "get animals out --dry-run",
        ("get --dry-run", "diff"),
        f"{_ENTRY} old",
        ("put changed -n animals", "get animals:v0 out"),
    ),
    _Case("restore animals:v0", ("show",), _VERSION, ("put changed -n animals",)),
    _Case("export animals a.artfs", ("export",)),
    _Case("import a.artfs", ("import",), "new present undeleted", ("export animals a.artfs",)),
    _Case("push animals other", ("import",), "new present undeleted", ("init other",)),
    _Case("pull other animals", ("import",), "new present undeleted", ("init other", "push animals other")),
    _Case(
        "clone other copy", ("import", "clone"), "new present undeleted import", ("init other", "push animals other")
    ),
    _Case("import a.artfs --list", ("import --list",), "", ("export animals a.artfs",)),
    _Case("du", ("du",)),
    _Case("du animals:v0", ("du",), "total packs"),
    _Case("du animals --sort", ("du", "du --total"), "total packs"),
    _Case("info", ("info",), "path pid staging directory used hits requests"),
    _Case("fsck", ("fsck",), "invariant part message ref path pack kept saved lost"),
    _Case("doctor", ("doctor",), "ok warning problem null"),
    _Case("runs", ("runs",)),
    _Case("runs show one", ("runs", "runs show"), "references count complete uris"),
    _Case("history", ("history",)),
    _Case("history --verify", ("history --verify",)),
    _Case("lineage animals", ("lineage",), "references count complete uris"),
    _Case("lineage animals --down --type model", ("lineage --type",)),
    _Case("warm animals", ("warm",)),
    _Case("cache show", ("cache show",)),
    _Case("cache clear", ("cache clear",)),
    _Case("config", ("config",), "", ("config set cache.size 1GiB",)),
    _Case("config ls", ("config ls",), "", ("config set cache.size 1GiB",)),
    _Case("config get cache.size", ("config get",), "", ("config set cache.size 1GiB",)),
    _Case("config set cache.size 1GiB", ("config set",)),
    _Case("config unset cache.size", ("config unset",)),
    _Case("verify animals", ("verify",), "path uri state"),
    _Case("du --artifacts", ("du --artifacts",)),
    _Case("alias ls", ("alias ls",)),
    _Case("alias add animals x", ("alias add",)),
    _Case("alias rm animals:best", ("alias rm",)),
    _Case("tag add animals x", ("tag add",)),
    _Case("tag rm animals x", ("tag rm",), "", ("tag add animals x",)),
    _Case("tag ls animals", ("tag ls",)),
    _Case("gc", ("gc",), "draft number size"),
    _Case("init", ("init",)),
    _Case("rename animals zoo", ("rename",)),
    _Case("rm animals --untagged", ("rm",)),
    _Case("undelete animals:v0", ("undelete",), "", ("rm animals:latest --delete-aliases",)),
    _Case("undelete", ("artfs undelete",), "version draft", ("rm animals:latest --delete-aliases",)),
    _Case("version", ("version",)),
)
_OF_RUNS = ("runs", "lineage", "runs show")
_RUN = """
import artfs
with artfs.init(name="one", config={"lr": 0.1}) as run:
    run.use_artifact("animals")
    model = artfs.Artifact("model", type="model")
    with model.new_file("weights") as file:
        file.write("1")
    run.log_artifact(model)
"""
_MOUNTED = {"mount", "umount", "stage", "drafts", "status", "commit", "discard"}
"""Commands of the test with a mount."""


def _words(row: str) -> set[str]:
    """The words of a row of the table of documents."""
    found = re.search(rf"^\| [^|]*`{row}`[^|]*\| (.*) \|$", _TABLE, re.MULTILINE)
    assert found is not None, row
    return set(" ".join(re.findall(r"`([^`]*)`", found[1])).split())


def _keys(document: Any) -> Iterator[str]:
    """All keys of a document, however deep."""
    if isinstance(document, list):
        for row in document:
            yield from _keys(row)
    elif isinstance(document, dict):
        yield from document
        for key, value in document.items():
            if key not in _USERS:
                yield from _keys(value)


def _check(document: Any, rows: tuple[str, ...], absent: str = "") -> None:
    promised = set().union(*map(_words, rows))
    keys = set(_keys(document))
    assert keys <= promised
    assert promised - {"null", "false"} - set(rows) - set(absent.split()) <= keys


def _commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from _commands(command, *path, name)


def test_every_command_that_prints_data_has_json_and_is_tried_here() -> None:
    commands = dict(_commands(cli))
    with_json = {name for name, command in commands.items() if any("--json" in param.opts for param in command.params)}
    assert set(commands) - with_json == _WITHOUT
    tried = {name for name in with_json for case in _CASES if f"{case.arguments} ".startswith(f"{name} ")}
    assert with_json - tried == _MOUNTED


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.arguments)
def test_a_document_has_the_keys_of_the_table_and_no_others(stored: Commands, images: Path, case: _Case) -> None:
    Path("images").symlink_to(images)
    Path("changed").mkdir()
    Path("changed/new").write_text("new")
    if case.rows[-1].split()[0] in _OF_RUNS:
        subprocess.run([sys.executable, "-c", _RUN], env=stored.environment, check=True, timeout=60)
    for line in case.before:
        stored.done(*shlex.split(line), "-q")
    ended = stored(*shlex.split(case.arguments), "--json")
    assert ended.code == 0 or case.arguments == "doctor", ended
    _check(ended.json, case.rows, case.absent)


def test_a_draft_and_a_mount_have_the_keys_of_the_table(stored: Commands, places: tuple[Path, Path]) -> None:
    art, stage = places
    mounted = stored.process("mount", art, "--staging", stage, "--json").json
    assert mounted == {"store": str(stored.store), "path": str(art), "staging": str(stage)}
    _check(mounted, ("mount",))
    _check(stored.done("stage", "animals", "--json").json, ("stage",))
    (stage / "animals/new").write_text("new")
    _check(stored.done("status", stage / "animals", "--json").json, ("status",), "entries")
    _check(
        stored.done("drafts", "--json").json, ("drafts", "status"), "error status changes change directory size entries"
    )
    _check(stored.done("commit", stage / "animals", "--json").json, ("commit",))
    _check(stored.done("discard", stage / "animals", "--json").json, ("discard",))
    unmounted = stored.process("umount", art, stage, "--json").json
    assert unmounted == [{"path": str(art)}, {"path": str(stage)}]
    _check(unmounted, ("umount",))


def test_the_history_has_the_units_of_other_documents(stored: Commands) -> None:
    stored.done("edit", "animals", "--ttl", "1d12h")
    records = stored.done("history", "--json").json
    made = records[0]["changes"][1]["after"]
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z", made["created"])
    assert re.fullmatch(r"0[0-7]{3}", made["tree"]["mode"])
    assert records[1]["changes"][0]["before"] == {"ttl_seconds": None}
    assert records[1]["changes"][0]["after"] == {"ttl_seconds": 129_600}
    assert stored.done("history").lines[-1].endswith("version-edited animals:v0: nothing -> 1d12h")
    assert not re.search(rb"_ns\b", stored.done("history", "--json").out)
