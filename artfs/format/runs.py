"""Journal operations on runs: start, resumption, edit, end, versions used and logged.

The run that made a version is named in the operation that made it (`operations.VersionCreated`).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from artfs.format.msgpack import Count, Index, Serial, Time
from artfs.names import parse_run_id

__all__ = [
    "MAX_EXIT_CODE",
    "MAX_PATHS",
    "EdgeSource",
    "Outcome",
    "Process",
    "RunEdited",
    "RunFields",
    "RunFinished",
    "RunLogged",
    "RunOp",
    "RunResumed",
    "RunStarted",
    "RunUsed",
]

MAX_EXIT_CODE: Final = 255
MAX_PATHS: Final = 100
"""Entries that a run opened in a version and that are named; of all others only the number is recorded."""
EdgeSource: TypeAlias = Literal["api", "open", "commit"]
"""The source of an edge between run and version: an API call, a file opened in a mount, a commit of a draft."""
Outcome: TypeAlias = Literal["finished", "failed", "crashed"]
"""The end of a run: well, badly, or by the death of its process."""


class Process(msgspec.Struct, frozen=True, array_like=True):
    """The identity of a process: distinguishes it from a later one that gets the same number.

    Attributes:
        host: The machine's name.
        pid: Its number.
        started: Its start: clock ticks since the machine's, as the kernel counts them.
        boot: The id of the machine's start.
        namespace: The pid namespace in which the number counts.
    """

    host: str
    pid: Count
    started: Count
    boot: str
    namespace: Count


class RunFields(msgspec.Struct, frozen=True, array_like=True):
    """The fields of a run that can be edited.

    Attributes:
        name: Its name for people.
        job_type: The kind of its work (`train`).
        config: Canonical JSON of an object: its parameters.
        summary: Canonical JSON of an object: its results.
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
        fields: Those that can be edited.
        started_ns: Its start (nanoseconds since 1970).
        user: The system's name of its user.
        host: The machine's name.
        pid: The process.
        command: The command line.
        git: The commit that is checked out where it runs, if any.
        directory: The working directory; empty in what was written before there was this field.
        dirty: Whether tracked files differ from that commit; None: not known.
        process: The process with which it ends; None: not known.
    """

    fields: RunFields
    started_ns: Time
    user: str
    host: str
    pid: int
    command: tuple[str, ...] = ()
    git: str | None = None
    directory: str = ""
    dirty: bool | None = None
    process: Process | None = None


class RunResumed(_RunOperation, frozen=True, array_like=True, tag="run-resumed"):
    """A run that had ended as `previous` goes on in `process`."""

    previous: Outcome
    process: Process | None = None


class RunEdited(_RunOperation, frozen=True, array_like=True, tag="run-edited"):
    """The fields of a run that can be edited become `fields`; they were `previous`."""

    fields: RunFields
    previous: RunFields


class RunFinished(_RunOperation, frozen=True, array_like=True, tag="run-finished"):
    """The run ended.

    Attributes:
        state: Its outcome.
        ended_ns: The time; of one that crashed, the time when that was found out.
        exit_code: Of its command, as a shell gives it; None: not known.
    """

    state: Outcome
    ended_ns: Time
    exit_code: Annotated[int, Meta(ge=0, le=MAX_EXIT_CODE)] | None = None


class RunUsed(_RunOperation, frozen=True, array_like=True, tag="run-used"):
    """The run uses a version; or, if that is recorded already, more of its entries.

    Attributes:
        artifact: The artifact's serial.
        index: N of vN.
        how: The source of this edge.
        used_ns: The time of the first use.
        entries: Number of its entries that the run is known to have opened, each counted once.
        paths: Those opened first, at most `MAX_PATHS`.
    """

    artifact: Serial
    index: Index
    how: EdgeSource
    used_ns: Time
    entries: Count = 0
    paths: Annotated[tuple[bytes, ...], Meta(max_length=MAX_PATHS)] = ()


class RunLogged(_RunOperation, frozen=True, array_like=True, tag="run-logged"):
    """The run, too, logs a version that another run made: it had the same contents or a part."""

    artifact: Serial
    index: Index
    how: EdgeSource
    logged_ns: Time


RunOp: TypeAlias = RunStarted | RunResumed | RunEdited | RunFinished | RunUsed | RunLogged
"""One change of the runs."""
