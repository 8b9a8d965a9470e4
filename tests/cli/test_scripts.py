"""What scripts rely on: errors as JSON with a kind, and silence on request."""

from __future__ import annotations

import errno
import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from artfs import errors
from artfs.cli.failure import Terminated, kind_of
from artfs.errors import ArtfsError, StorageError
from tests.support.commands import Argument, Commands, Ended

_PAGE = Path(__file__).parents[2] / "artfs/docs/COMMANDS.md"


def _table() -> dict[str, str]:
    """The exit codes of the kinds of errors, as the page has them."""
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| ([^|]*) \| [^|]* \|$", _PAGE.read_text(), re.MULTILINE)
    return {kind: code for kinds, code in rows for kind in re.findall(r"`([a-z_]+)`", kinds)}


def _error(ended: Ended) -> Any:
    """The one JSON document on standard error."""
    assert ended.err.count(b"\n") == 1, ended
    document = json.loads(ended.err.decode("ascii"))
    assert document["exit_code"] == ended.code
    assert _table()[document["kind"]] == str(ended.code)
    return document


def test_the_table_has_every_kind_of_error_with_its_exit_code() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    kinds = {kind_of(kind("x")): str(kind.exit_code) for kind in classes}
    assert len(kinds) == len(classes)
    others = {
        "usage": click.UsageError("x"),
        "interrupted": KeyboardInterrupt(),
        "terminated": Terminated(signal.SIGTERM),
        "system": OSError(errno.EIO, "x"),
        "out_of_memory": MemoryError(),
        "internal": ZeroDivisionError(),
    }
    assert [kind_of(error) for error in others.values()] == list(others)
    codes = dict.fromkeys(others, "1") | {"usage": "2", "interrupted": "130", "terminated": "128 + N"}
    assert _table() == kinds | codes


def test_an_error_that_has_no_word_of_its_own_has_that_of_its_class_above() -> None:
    class HiddenError(errors.ConflictError):
        pass

    assert kind_of(HiddenError("x")) == "conflict"


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("not_found", ("show", "nobody")),
        ("not_found", ("lineage", "animals:v7")),
        ("not_found", ("status", "/")),
        ("invalid_input", ("log", "a b")),
        ("usage", ("ls", "--frobnicate")),
        ("usage", ("frobnicate",)),
        ("usage", ("alias", "frobnicate")),
        ("usage", ("put",)),
        ("usage", ("runs", "-n", "0")),
        ("version_in_use", ("rm", "animals:v0")),
        ("type_mismatch", ("put", "images", "-n", "animals", "-t", "model")),
        ("source", ("put", "gone", "-n", "animals")),
        ("store_not_found", ("ls", "--store", "nowhere")),
        ("bundle_format", ("import", "images/labels.csv")),
        ("mount", ("stage", "animals")),
    ],
)
def test_an_error_under_json_is_one_document_with_a_kind(
    stored: Commands, images: Path, kind: str, arguments: tuple[str, ...]
) -> None:
    Path("images").symlink_to(images)
    ended = stored(*arguments, "--json")
    document = _error(ended)
    assert document["kind"] == kind
    assert set(document) == {"kind", "exit_code", "message"}
    assert ended.out == b""
    without = stored(*arguments)
    assert without.failed(ended.code)
    if kind != "usage":
        assert without.failed(ended.code) == document["message"]


def test_what_was_done_before_an_error_is_in_the_document_on_standard_output(stored: Commands) -> None:
    ended = stored("umount", "nowhere", "--json")
    assert ended.json == []
    assert _error(ended)["kind"] == "mount"


def test_an_error_of_the_system_says_which(stored: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise StorageError.of(OSError(errno.ENOSPC, "x"), "writing")

    monkeypatch.setattr("artfs.cli.commands.ls.print_documents", full)
    document = _error(stored("ls", "--json"))
    assert (document["kind"], document["errno"]) == ("storage", "ENOSPC")


def test_a_traceback_is_a_key_of_the_document(stored: Commands) -> None:
    document = _error(stored("show", "nobody", "--json", "--debug"))
    assert document["traceback"].startswith("Traceback")


def test_a_name_that_is_not_text_leaves_the_document_valid(stored: Commands) -> None:
    ended = stored.process("show", b"a\xff\n", "--json", environment={"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert _error(ended)["kind"] == "invalid_input"


def test_options_of_the_command_that_a_run_runs_are_not_those_of_artfs(stored: Commands) -> None:
    ended = stored.process("run", "-q", "--", "nosuch-program", "--json")
    assert ended.code == 127
    assert ended.err == b"artfs: there is no program nosuch-program: look at how it is spelt, and at $PATH\n"


def test_a_note_under_json_is_a_document_too(stored: Commands, images: Path) -> None:
    (images / "out").symlink_to("/etc/hostname")
    ended = stored.noted("put", images, "-n", "animals", "--json")
    note = json.loads(ended.err)
    assert note["kind"] == "note"
    assert "symlink" in note["message"]
    assert ended.json["ref"] == "animals:v1"


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(("name", "ended"), [("animals", (0, b"animals:v1\n")), ("-", (2, b""))], ids=["note", "error"])
def test_a_message_that_cannot_be_written_changes_no_exit_code(
    stored: Commands, images: Path, name: str, ended: tuple[int, bytes], unbuffered: str
) -> None:
    (images / "out").symlink_to("/etc/hostname")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            stored.line("put", images, "-n", name),
            check=False,
            stdout=subprocess.PIPE,
            stderr=full,
            env={**stored.environment, "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
        )
    assert (done.returncode, done.stdout) == ended


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_quiet_command_prints_results_and_errors_alone(stored: Commands, images: Path, where: str) -> None:
    def quiet(*arguments: Argument) -> Ended:
        return stored("-q", *arguments) if where == "before" else stored(*arguments, "--quiet")

    (images / "out").symlink_to("/etc/hostname")
    assert quiet("put", images, "-n", "animals") == Ended(0, b"animals:v1\n", b"")
    for line in (
        ("alias", "add", "animals", "old"),
        ("alias", "rm", "animals:old"),
        ("tag", "add", "animals", "old"),
        ("tag", "rm", "animals", "old"),
        ("edit", "animals", "--ttl", "1d"),
        ("rm", "animals:v1"),
        ("undelete", "animals:v1"),
        ("rename", "animals", "zoo"),
        ("init",),
        ("gc",),
        ("fsck",),
    ):
        assert quiet(*line) == Ended(0, b"", b""), line
    assert quiet("ls", "zoo").lines == ["best", "cats/", "labels.csv", "out"]
    assert "artifact animals does not exist" in quiet("show", "animals").failed(3)
    assert stored.done("rm", "zoo:v1").out, "the next command is not quiet"


def test_the_base_of_all_errors_has_a_kind_too() -> None:
    assert kind_of(ArtfsError("x")) == "failed"
