"""What a journal record says of runs: that one was started, went on or ended, and which versions it used or logged.

Which run made a version is said where the version is made (`operations.VersionCreated`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from artfs.format.bounds import Index, Serial, Time
from artfs.names import parse_run_id

__all__ = [
    "Learnt",
    "Outcome",
    "RunEdited",
    "RunFields",
    "RunFinished",
    "RunLogged",
    "RunOp",
    "RunResumed",
    "RunStarted",
    "RunUsed",
]

Learnt: TypeAlias = Literal["api", "open", "commit"]
"""How it was learnt that a run used or logged a version: it said so, it opened a file, it committed a draft."""
Outcome: TypeAlias = Literal["finished", "failed"]


class RunFields(msgspec.Struct, frozen=True, array_like=True):
    """What can be edited of a run.

    Attributes:
        name: What people call it.
        job_type: What kind of work it does (`train`).
        config: Canonical JSON of an object: what it was started with.
        summary: Canonical JSON of an object: what came out.
    """

    name: str = ""
    job_type: str = ""
    config: bytes = b"{}"
    summary: bytes = b"{}"


class _RunOperation(msgspec.Struct, frozen=True, array_like=True, tag_field="op"):
    """The base of all operations on runs.

    Attributes:
        run: The run's id.
    """

    run: str

    def __post_init__(self) -> None:
        parse_run_id(self.run)


class RunStarted(_RunOperation, frozen=True, array_like=True, tag="run-started"):
    """A new run.

    Attributes:
        fields: What can be edited.
        started_ns: When (nanoseconds since 1970).
        user: Who, as the system calls them.
        host: On which machine.
        pid: In which process.
        command: The command line.
        git: The commit that is checked out where it runs, if any.
    """

    fields: RunFields
    started_ns: Time
    user: str
    host: str
    pid: int
    command: tuple[str, ...] = ()
    git: str | None = None


class RunResumed(_RunOperation, frozen=True, array_like=True, tag="run-resumed"):
    """The run, which had ended as `previous`, goes on."""

    previous: Outcome


class RunEdited(_RunOperation, frozen=True, array_like=True, tag="run-edited"):
    """What can be edited of the run becomes `fields`; it was `previous`."""

    fields: RunFields
    previous: RunFields


class RunFinished(_RunOperation, frozen=True, array_like=True, tag="run-finished"):
    """The run ended."""

    state: Outcome
    ended_ns: Time


class RunUsed(_RunOperation, frozen=True, array_like=True, tag="run-used"):
    """The run uses a version."""

    artifact: Serial
    index: Index
    how: Learnt
    used_ns: Time


class RunLogged(_RunOperation, frozen=True, array_like=True, tag="run-logged"):
    """The run, too, logs a version that another one made: it had the same contents, or added a part of them."""

    artifact: Serial
    index: Index
    how: Learnt
    logged_ns: Time


RunOp: TypeAlias = RunStarted | RunResumed | RunEdited | RunFinished | RunUsed | RunLogged
"""One change of the runs."""
