"""From what is asked of runs to operations: the rules of runs, as `plans` has those of versions."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from artfs.catalog.alive import state_now
from artfs.catalog.metadata import decode_metadata, encode_metadata
from artfs.catalog.plans.fields import check_text
from artfs.catalog.plans.plan import Plan, Target
from artfs.catalog.schema import EdgeKind, Run
from artfs.format.runs import (
    MAX_PATHS,
    Learnt,
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

__all__ = ["NewRun", "Use", "edit_run", "end_crashed", "finish_run", "start_run", "use_version", "use_versions"]

_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be started, or to go on.

    Attributes:
        id: Its id; None: one is made. A run that is there goes on.
        name: What people call it; None: as it was, its id when it is new.
        job_type: What kind of work it does; None: as it was.
        config: Canonical JSON (`encode_metadata`); of a run that goes on, these keys are changed.
        command: The command line.
        git: The commit that is checked out, if any.
        directory: The working directory.
        dirty: Whether tracked files differ from the commit; None: not known.
        process: The process with which it ends; None: it is never found to have crashed.
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
class Use:
    """What a run is known to have opened of a version.

    Attributes:
        artifact: The artifact's serial.
        index: N of vN.
        used_ns: When it first did (nanoseconds since 1970).
        entries: How many entries, each counted once.
        paths: Which; the first `MAX_PATHS` are kept.
        how: How that was learnt.
    """

    artifact: int
    index: int
    used_ns: int
    entries: int = 0
    paths: tuple[bytes, ...] = ()
    how: Learnt = "open"


def start_run(plan: Plan, new: NewRun, who: Actor) -> str:
    """Start a run, or let one go on; gives its id.

    Raises:
        InvalidInputError: The id or a value is not allowed.
    """
    run = None if new.id is None else plan.view.run(parse_run_id(new.id))
    if run is not None:
        return _resume(plan, run, new)
    run_id = _unused_id(plan.view) if new.id is None else new.id
    name = run_id if new.name is None else new.name
    fields = _checked(RunFields(name, new.job_type or "", new.config))
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
    ended = state_now(run)
    if ended == "crashed":
        end_crashed(plan, [run.id])
    if ended != "running":
        plan.ops.append(RunResumed(run.id, ended, new.process))
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
    """Change what can be changed of a run; gives its id.

    Raises:
        InvalidInputError: A value is not allowed.
        NotFoundError: There is no such run.
    """
    run = plan.view.known_run(run_id)
    _edit(plan, run, edit(run.fields))
    return run.id


def finish_run(plan: Plan, run_id: str, state: Outcome, exit_code: int | None = None) -> str:
    """End a run, unless it has ended; gives its id.

    Raises:
        NotFoundError: There is no such run.
    """
    run = plan.view.known_run(run_id)
    if run.state == "running":
        plan.ops.append(RunFinished(run.id, state, plan.now_ns, exit_code))
    return run.id


def end_crashed(plan: Plan, run_ids: Iterable[str]) -> list[str]:
    """End the runs, of those given, that are running and whose process has died; gives their ids."""
    crashed = []
    for run_id in run_ids:
        run = plan.view.known_run(run_id)
        if run.state == "running" and state_now(run) == "crashed":
            plan.ops.append(RunFinished(run.id, "crashed", plan.now_ns))
            crashed.append(run.id)
    return crashed


def use_version(plan: Plan, run_id: str, ref: VersionRef, how: Learnt) -> Target:
    """Note that a run uses a version; once is enough.

    Raises:
        NotFoundError: There is no such run or version.
    """
    run = plan.view.known_run(run_id)
    version = plan.view.resolve(ref)
    if plan.view.edge(run.id, EdgeKind.USED, version) is None:
        plan.ops.append(RunUsed(run.id, version.artifact, version.index, how, plan.now_ns))
    return Target(version.artifact, version.index)


def use_versions(plan: Plan, run_id: str, uses: Iterable[Use]) -> None:
    """Note what a run opened. Versions that are deleted by now are noted too; those that gc took are passed over.

    Each use tells all that is known of the run and the version: one that says no more than what is noted is passed
    over, so that it is harmless to tell it again.

    Raises:
        NotFoundError: There is no such run.
    """
    run = plan.view.known_run(run_id)
    for use in uses:
        version = plan.view.version(use.artifact, use.index, deleted=True)
        if version is None:
            continue
        known = plan.view.edge(run.id, EdgeKind.USED, version)
        if known is None or use.entries > known.entries:
            paths = use.paths[:MAX_PATHS]
            plan.ops.append(RunUsed(run.id, use.artifact, use.index, use.how, use.used_ns, use.entries, paths))


def _edit(plan: Plan, run: Run, fields: RunFields) -> None:
    if _checked(fields) != run.fields:
        plan.ops.append(RunEdited(run.id, fields, run.fields))


def _checked(fields: RunFields) -> RunFields:
    check_text(fields.name, "run's name")
    check_text(fields.job_type, "job type")
    for data in (fields.config, fields.summary):
        decode_metadata(data, max_keys=None)
    return fields


def _unused_id(view: View) -> str:
    while True:
        made = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(8))
        if view.run(made) is None:
            return made
