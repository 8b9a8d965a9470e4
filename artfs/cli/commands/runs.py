"""`artfs runs`: list runs, or show one."""

from __future__ import annotations

import shlex
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING

import click

from artfs.cli.all_versions import all_versions_option, versions_meant
from artfs.cli.arguments import JOB_TYPE, REF_OR_FILE, RUN, TEXT
from artfs.cli.command import ArtfsGroup, common_options
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_documents, print_line, print_table
from artfs.cli.settings import Settings
from artfs.documents.document import local_time
from artfs.errors import InvalidInputError
from artfs.names import VersionRef, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from artfs.catalog import Run, View
    from artfs.format.steps import Row
    from artfs.store import Store

__all__ = ["command"]

_STATES = ("running", "finished", "failed", "crashed")
_HEADER = ("RUN", "STARTED", "TOOK", "STATE", "JOB TYPE", "NAME", "COMMAND")
_LONGEST = 60


@click.group(
    "runs",
    cls=ArtfsGroup,
    examples=(
        "artfs runs",
        "artfs runs --state failed --state crashed -n 5",
        "artfs runs --used animals --all-versions --name 'train-*'",
        "artfs runs --logged detector:best",
        "artfs runs --sort -summary.acc -n 3",
        "artfs runs show baseline",
    ),
    invoke_without_command=True,
)
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES), help="Only runs in this state (repeatable)."
)
@click.option("--job-type", type=JOB_TYPE, metavar="TYPE", help="Only runs of this job type.")
@click.option("--name", "pattern", type=TEXT, metavar="GLOB", help="Only runs whose name is like this, as `train-*`.")
@click.option("--used", type=REF_OR_FILE, metavar="REF", help="Only runs that used this version.")
@click.option("--logged", type=REF_OR_FILE, metavar="REF", help="Only the run that logged this version.")
@all_versions_option
@click.option(
    "--sort",
    "order",
    type=TEXT,
    metavar="COLUMN",
    help="In the order of a value, with `-` from the highest: `summary.acc`, `-config.lr`, `name`, `took`.",
)
@click.option("-n", "--max-count", type=click.IntRange(min=1), metavar="N", help="Only the first N that are listed.")
@json_option
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    states: tuple[str, ...],
    job_type: str | None,
    pattern: str | None,
    used: VersionRef | None,
    logged: VersionRef | None,
    all_versions: bool,
    order: str | None,
    max_count: int | None,
    as_json: bool,
) -> None:
    """List the runs, the newest first.

    Options are taken together: a run is listed that all of them choose. With `--sort` those that do not have the value
    come last.
    """
    if ctx.invoked_subcommand is not None:
        return
    from artfs.documents.graph import run_document
    from artfs.documents.run_values import sorted_runs
    from artfs.lineage import current_view

    if all_versions and used is None and logged is None:
        raise InvalidInputError("--all-versions goes with --used NAME or --logged NAME: give one of them")
    with ctx.ensure_object(Settings).open_store() as store, current_view(store) as view:
        chosen = _with_edges(view, used, logged, all_versions=all_versions)
        wanted = (run for run in chosen if _is_wanted(run, states, job_type, pattern))
        runs = islice(wanted if order is None else sorted_runs(wanted, order), max_count)
        if as_json:
            print_documents(map(run_document, runs))
        else:
            print_table(_HEADER, map(_row, runs), right=(2,))


def _with_edges(view: View, used: VersionRef | None, logged: VersionRef | None, *, all_versions: bool) -> Iterable[Run]:
    """Find the runs that used and logged given versions, the newest first; without a version, all runs."""
    from artfs.catalog import EdgeKind

    if used is None and logged is None:
        return view.runs(newest_first=True)
    sets = [
        {
            edge.run
            for version in versions_meant(view, ref, all_versions=all_versions)
            for edge in view.edges_of_version(version, kind)
        }
        for ref, kind in ((used, EdgeKind.USED), (logged, EdgeKind.LOGGED))
        if ref is not None
    ]
    found = map(view.resolve_run, set.intersection(*sets))
    return sorted(found, key=lambda run: (run.started_ns, run.id), reverse=True)


def _is_wanted(run: Run, states: tuple[str, ...], job_type: str | None, pattern: str | None) -> bool:
    return (
        (not states or run.state in states)
        and job_type in {None, run.fields.job_type}
        and (pattern is None or fnmatchcase(run.fields.name, pattern))
    )


def _row(run: Run) -> tuple[str, ...]:
    line = shlex.join(run.command)
    return (
        run.id,
        local_time(run.started_ns),
        _took(run),
        run.state,
        run.fields.job_type,
        run.fields.name,
        line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}...",
    )


def _took(run: Run) -> str:
    """Duration of a run; empty if it is running, or its end was not observed."""
    if run.ended_ns is None or run.state == "crashed":
        return ""
    seconds = max(run.ended_ns - run.started_ns, 0) // 1_000_000_000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}"


@artfs_command(
    "show",
    examples=(
        "artfs runs show 0123abcd",
        "artfs runs show baseline --json",
        "artfs runs show baseline --history --key loss --key val.acc --samples 20",
        "artfs runs show baseline --history --csv",
    ),
)
@click.argument("run_id", metavar="ID|NAME", type=RUN)
@click.option("--history", is_flag=True, help="What it logged, step by step, in place of the rest.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=TEXT,
    metavar="KEY",
    help="Only this value, of the steps that have it (repeatable).",
)
@click.option(
    "--samples", type=click.IntRange(min=2), metavar="N", help="At most N steps, at equal distances; without it, all."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the steps as CSV.")
@json_option
@click.pass_obj
def show(
    settings: Settings,
    run_id: str,
    history: bool,
    keys: tuple[str, ...],
    samples: int | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show a run, with what it used and logged.

    It is named by its id, or by a name that no other run has. With `--history` each step of its metrics is shown.
    """
    from artfs.catalog import state_now
    from artfs.documents.graph import edge_document, run_document, run_with_edges_document, versions_of_run
    from artfs.lineage import StepFiles, current_view
    from artfs.lineage.find_run import find_run
    from artfs.lineage.graph import edge_text

    if not history and (keys or samples or as_csv):
        raise InvalidInputError("--key, --samples and --csv go with --history: give that too")
    if as_csv and as_json:
        raise InvalidInputError("--csv and --json cannot both be given: use one of them")
    with settings.open_store() as store, current_view(store) as view:
        run = find_run(view, run_id)
        if history:
            rows = StepFiles(store.layout.steps, run.id).rows()
            _print_history(rows, keys, samples, as_csv=as_csv, as_json=as_json)
            return
        if state_now(run) == "crashed":
            run = _with_last_values(store, run)
        if as_json:
            print_document(run_with_edges_document(view, run))
            return
        versions = list(versions_of_run(view, run))
    for key, value in run_document(run).items():
        if value is not None and value not in ("", []):
            print_line(f"{key:10} {_shown(value)}")
    for node, edge in versions:
        print_line(f"{edge_document(edge)['what']:10} {node.ref}{node.marks} ({edge_text(edge)})")


def _with_last_values(store: Store, run: Run) -> Run:
    """Return a run with what its history says of its summary, which it could not store."""
    import msgspec

    from artfs.catalog import encode_metadata, json_object
    from artfs.documents.run_history import with_last_values
    from artfs.errors import IntegrityError
    from artfs.lineage import StepFiles

    with suppress(IntegrityError):  # `--history` says it
        summary = json_object(run.fields.summary, max_keys=None)
        summary = with_last_values(summary, StepFiles(store.layout.steps, run.id).rows())
        fields = msgspec.structs.replace(run.fields, summary=encode_metadata(summary, max_keys=None))
        return msgspec.structs.replace(run, fields=fields)
    return run


def _print_history(rows: list[Row], keys: tuple[str, ...], samples: int | None, *, as_csv: bool, as_json: bool) -> None:
    from artfs.documents.run_history import sampled, step_document, wanted_rows

    rows = wanted_rows(rows, keys or None, ("_step",))
    if samples is not None:
        rows = sampled(rows, samples)
    if as_json:
        print_documents(map(step_document, rows))
        return
    columns = list(dict.fromkeys(key for row in rows for key in row)) or ["_step"]
    if as_csv:
        _print_csv(columns, rows)
    else:
        shown = [name for name in columns if keys or name not in {"_timestamp", "_runtime"}]
        print_table(shown, ([_cell(row.get(name)) for name in shown] for row in rows), right=range(len(shown)))


def _print_csv(columns: list[str], rows: list[Row]) -> None:
    import csv
    import io

    for cells in (columns, *([_cell(row.get(name)) for name in columns] for row in rows)):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(cells)
        print_line(line.getvalue())


def _cell(value: object) -> str:
    """Return a value in a table: a text as it is, anything else as JSON, and nan and inf."""
    if value is None or isinstance(value, str):
        return value or ""
    import json

    return str(value) if isinstance(value, float) else json.dumps(value)


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
