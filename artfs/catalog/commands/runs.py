"""Plan runs: their start, edits, end and uses."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from artfs.catalog.commands.plan import Plan, VersionKey
from artfs.catalog.metadata import check_text, decode_metadata, encode_metadata
from artfs.catalog.schema import Edge, EdgeKind, Run, state_now
from artfs.format.runs import (
    MAX_PATHS,
    EdgeSource,
    Outcome,
    Process,
    RunEdited,
    RunFields,
    RunFinished,
    RunResumed,
    RunStarted,
    RunUsed,
)
from artfs.names import VersionRef, parse_run_id

if TYPE_CHECKING:
    from artfs.catalog.actor import Actor
    from artfs.catalog.view import View

__all__ = [
    "NewRun",
    "VersionUse",
    "checked_run_fields",
    "edge_after_use",
    "edit_run",
    "end_crashed",
    "finish_run",
    "start_run",
    "use_version",
    "use_versions",
    "uses_of_sources",
]

_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be started, or resumed.

    Attributes:
        id: Its id; None: one is made. A run that exists is resumed.
        name: Its name for people; None: as it was, its id when it is new.
        job_type: The kind of its work; None: as it was.
        config: Canonical JSON (`encode_metadata`); of a resumed run, these keys are changed.
        command: The command line.
        git: The commit that is checked out, if any.
        directory: The working directory.
        dirty: Tracked files differ from the commit; None: not known.
        process: The process with which it ends; None: it is never found crashed.
    """

    id: str | None = None
    name: str | None = None
    job_type: str | None = None
    config: bytes = b"{}"
    command: tuple[str, ...] = ()
    git: str | None = None
    directory: str = ""
    dirty: bool | None = None
    process: Process | None = None


@dataclass(frozen=True, slots=True)
class VersionUse:
    """Entries of a version that a run is known to have opened.

    Attributes:
        artifact: The artifact's serial.
        index: N of vN.
        used_ns: The time of the first open (nanoseconds since 1970).
        entries: Number of entries, each counted once.
        paths: Their paths; the first `MAX_PATHS` are kept.
        how: The source of the edge.
    """

    artifact: int
    index: int
    used_ns: int
    entries: int = 0
    paths: tuple[bytes, ...] = ()
    how: EdgeSource = "open"


def start_run(plan: Plan, new: NewRun, who: Actor) -> str:
    """Start or resume a run; returns its id.

    Raises:
        InvalidInputError: The id or a value is not allowed.
    """
    run = None if new.id is None else plan.view.run(parse_run_id(new.id))
    if run is not None:
        return _resume(plan, run, new)
    run_id = _unused_id(plan.view) if new.id is None else parse_run_id(new.id)
    name = run_id if new.name is None else new.name
    fields = checked_run_fields(RunFields(name, new.job_type or "", new.config))
    for text in (*new.command, new.directory):
        check_text(text, "command line or directory")
    plan.ops.append(
        RunStarted(
            run_id,
            fields,
            plan.now_ns,
            who.user,
            who.host,
            who.pid,
            new.command,
            new.git,
            new.directory,
            new.dirty,
            new.process,
        )
    )
    return run_id


def _resume(plan: Plan, run: Run, new: NewRun) -> str:
    state = state_now(run)
    if state == "crashed":
        end_crashed(plan, [run.id])
    if state != "running":
        plan.ops.append(RunResumed(run.id, state, new.process))
    config = decode_metadata(run.fields.config, max_keys=None) | decode_metadata(new.config, max_keys=None)
    fields = RunFields(
        run.fields.name if new.name is None else new.name,
        run.fields.job_type if new.job_type is None else new.job_type,
        encode_metadata(config, max_keys=None),
        run.fields.summary,
    )
    _edit(plan, run, fields)
    return run.id


def edit_run(plan: Plan, run_id: str, edit: Callable[[RunFields], RunFields]) -> str:
    """Edit a run; returns its id. `edit` may be called more than once.

    Raises:
        InvalidInputError: A value is not allowed.
        NotFoundError: There is no such run.
    """
    run = plan.view.resolve_run(run_id)
    _edit(plan, run, edit(run.fields))
    return run.id


def finish_run(plan: Plan, run_id: str, state: Outcome, exit_code: int | None = None) -> str:
    """End a run, unless it has ended; returns its id.

    Raises:
        NotFoundError: There is no such run.
    """
    run = plan.view.resolve_run(run_id)
    if run.state == "running":
        plan.ops.append(RunFinished(run.id, state, plan.now_ns, exit_code))
    return run.id


def end_crashed(plan: Plan, run_ids: Iterable[str]) -> list[str]:
    """End those of the given runs that are running and whose process has died; returns their ids."""
    crashed = []
    for run_id in run_ids:
        run = plan.view.resolve_run(run_id)
        if run.state == "running" and state_now(run) == "crashed":
            plan.ops.append(RunFinished(run.id, "crashed", plan.now_ns))
            crashed.append(run.id)
    return crashed


def use_version(plan: Plan, run_id: str, ref: VersionRef, how: EdgeSource) -> VersionKey:
    """Record that a run uses a version, if that is not recorded yet.

    Raises:
        NotFoundError: There is no such run or version.
    """
    run = plan.view.resolve_run(run_id)
    version = plan.view.resolve(ref)
    if plan.view.edge(run.id, EdgeKind.USED, version) is None:
        used = plan.view.source(version)
        plan.ops.append(RunUsed(run.id, used.artifact, used.index, how, plan.now_ns))
    return VersionKey(version.artifact, version.index)


def use_versions(plan: Plan, run_id: str, uses: Sequence[VersionUse]) -> None:
    """Record what a run opened, also of versions that were deleted since.

    Each use has all that is known of the run and the version. One that has no more than what is recorded is passed
    over, so it is harmless to record it again.

    Raises:
        NotFoundError: There is no such run.
    """
    run = plan.view.resolve_run(run_id)
    for use in uses_of_sources(plan.view, uses):
        version = plan.view.version(use.artifact, use.index, deleted=True)
        if version is None:
            continue
        edge = edge_after_use(plan.view.edge(run.id, EdgeKind.USED, version), run.id, use)
        if edge is not None:
            plan.ops.append(RunUsed(run.id, use.artifact, use.index, use.how, use.used_ns, edge.entries, edge.paths))


def uses_of_sources(view: View, uses: Iterable[VersionUse]) -> list[VersionUse]:
    """Put what links are to in their place; of several uses of one version the one with the most entries is kept."""
    found: dict[tuple[int, int], VersionUse] = {}
    for use in uses:
        version = view.version(use.artifact, use.index, deleted=True)
        if version is None:
            continue
        source = view.source(version)
        key = source.artifact, source.index
        if key not in found or use.entries > found[key].entries:
            found[key] = replace(use, artifact=source.artifact, index=source.index)
    return list(found.values())


def edge_after_use(known: Edge | None, run: str, use: VersionUse) -> Edge | None:
    """The edge that a use makes of what is recorded; None if it has no more than that."""
    paths = use.paths[:MAX_PATHS]
    if known is None:
        return Edge(run, EdgeKind.USED, use.artifact, use.index, use.how, use.used_ns, use.entries, paths)
    return msgspec.structs.replace(known, entries=use.entries, paths=paths) if use.entries > known.entries else None


def checked_run_fields(fields: RunFields) -> RunFields:
    """Return a run's fields, checked.

    Raises:
        InvalidInputError: A value is not allowed.
    """
    for data in (fields.config, fields.summary):
        decode_metadata(data, max_keys=None)
    return msgspec.structs.replace(
        fields, name=check_text(fields.name, "run's name"), job_type=check_text(fields.job_type, "job type")
    )


def _edit(plan: Plan, run: Run, fields: RunFields) -> None:
    fields = checked_run_fields(fields)
    if fields != run.fields:
        plan.ops.append(RunEdited(run.id, fields, run.fields))


def _unused_id(view: View) -> str:
    while True:
        made = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(8))
        if view.run(made) is None:
            return made
