"""`artfs runs`: which runs there are, and all about one."""

from __future__ import annotations

import shlex
from itertools import islice
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import TEXT
from artfs.cli.command import ArtfsGroup
from artfs.cli.command import command as artfs_command
from artfs.cli.output import json_option, print_document, print_documents, print_line, print_table
from artfs.cli.settings import Settings
from artfs.cli.text import local_time
from artfs.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.catalog import Run, View

__all__ = ["command"]

_STATES = ("running", "finished", "failed", "crashed")
_HEADER = ("RUN", "STARTED", "TOOK", "STATE", "JOB TYPE", "NAME", "COMMAND")
_LONGEST = 60


@click.group(
    "runs",
    cls=ArtfsGroup,
    examples=("artfs runs", "artfs runs --state failed -n 5", "artfs runs show 0123abcd"),
    invoke_without_command=True,
)
@click.option("--state", type=click.Choice(_STATES), help="Only runs in this state.")
@click.option("--job-type", type=TEXT, metavar="TYPE", help="Only runs of this job type.")
@click.option("-n", "--max-count", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@json_option
@click.pass_context
def command(ctx: click.Context, state: str | None, job_type: str | None, max_count: int | None, as_json: bool) -> None:
    """List the runs, the newest first."""
    if ctx.invoked_subcommand is not None:
        return
    from artfs.cli.graphs import run_document
    from artfs.lineage.crashes import note_crashes

    with ctx.ensure_object(Settings).open_store() as store:
        note_crashes(store)
        with store.catalog.view() as view:
            runs = islice(_wanted(view, state, job_type), max_count)
            if as_json:
                print_documents(map(run_document, runs))
            else:
                print_table(_HEADER, map(_row, runs), right=(2,))


def _wanted(view: View, state: str | None, job_type: str | None) -> Iterator[Run]:
    from artfs.catalog import state_now

    for run in view.runs(newest_first=True):
        if state in {None, state_now(run)} and job_type in {None, run.fields.job_type}:
            yield run


def _row(run: Run) -> tuple[str, ...]:
    from artfs.catalog import state_now

    line = shlex.join(run.command)
    return (
        run.id,
        local_time(run.started_ns),
        _took(run),
        state_now(run),
        run.fields.job_type,
        run.fields.name,
        line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}...",
    )


def _took(run: Run) -> str:
    """How long it ran; nothing of one that is running, or whose end nobody saw."""
    if run.ended_ns is None or run.state == "crashed":
        return ""
    seconds = max(run.ended_ns - run.started_ns, 0) // 1_000_000_000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}"


@artfs_command("show", examples=("artfs runs show 0123abcd", "artfs runs show 0123abcd --json"))
@click.argument("run_id", metavar="ID", type=TEXT)
@json_option
@click.pass_obj
def show(settings: Settings, run_id: str, as_json: bool) -> None:
    """Show a run, with what it used and logged."""
    from artfs.cli.graphs import edge_document, run_document
    from artfs.lineage.crashes import note_crashes
    from artfs.lineage.graph import BOTH, VersionNode, far_end, look, next_edges, said

    with settings.open_store() as store:
        note_crashes(store)
        with store.catalog.view() as view:
            run = view.known_run(run_id)
            edges = [
                (node.ref, node.deleted, edge)
                for direction in BOTH
                for edge in next_edges(view, run.id, direction)
                if isinstance(node := look(view, far_end(edge, run.id)), VersionNode)
            ]
    document = run_document(run)
    if as_json:
        document["edges"] = [{"ref": ref, "deleted": deleted, **edge_document(edge)} for ref, deleted, edge in edges]
        print_document(document)
        return
    for key, value in document.items():
        if value is not None and value not in ("", []):
            print_line(f"{key:10} {_shown(value)}")
    for ref, deleted, edge in edges:
        print_line(f"{edge_document(edge)['what']:10} {ref}{' (deleted)' if deleted else ''} ({said(edge)})")


def _shown(value: object) -> str:
    match value:
        case list():
            return printable(shlex.join(value))
        case bool():
            return "yes" if value else "no"
        case str() | int():
            return printable(str(value))
        case _:
            return bytes(value).decode()  # type: ignore[call-overload, no-any-return]  # a msgspec.Raw


command.add_command(show)
