"""What a journal record says of runs: that one was started, went on or ended, and which versions it used or logged.

Which run made a version is said where the version is made (`operations.VersionCreated`).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from artfs.format.bounds import Count, Index, Serial, Time
from artfs.names import parse_run_id

__all__ = [
    "MAX_EXIT_CODE",
    "MAX_PATHS",
    "Learnt",
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
"""So many of the entries that a run opened in a version are named; of the others, only the number is known."""
Learnt: TypeAlias = Literal["api", "open", "commit"]
"""How it was learnt that a run used or logged a version: it said so, it opened a file, it committed a draft."""
Outcome: TypeAlias = Literal["finished", "failed", "crashed"]
"""How a run ended: well, badly, or with its process and without a word."""


class Process(msgspec.Struct, frozen=True, array_like=True):
    """A process, so exactly that another one which gets its number is not taken for it.

    Attributes:
        host: The machine's name.
        pid: Its number.
        started: When it began: clock ticks since the machine's start, as the kernel counts them.
        boot: The id of the machine's start.
        namespace: The pid namespace in which the number counts.
    """

    host: str
    pid: Count
    started: Count
    boot: str
    namespace: Count


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
    """The run, which had ended as `previous`, goes on in `process`."""

    previous: Outcome
    process: Process | None = None


class RunEdited(_RunOperation, frozen=True, array_like=True, tag="run-edited"):
    """What can be edited of the run becomes `fields`; it was `previous`."""

    fields: RunFields
    previous: RunFields


class RunFinished(_RunOperation, frozen=True, array_like=True, tag="run-finished"):
    """The run ended.

    Attributes:
        state: How.
        ended_ns: When; of one that crashed, when that was found out.
        exit_code: Of its command, as a shell gives it; None: not known.
    """

    state: Outcome
    ended_ns: Time
    exit_code: Annotated[int, Meta(ge=0, le=MAX_EXIT_CODE)] | None = None


class RunUsed(_RunOperation, frozen=True, array_like=True, tag="run-used"):
    """The run uses a version; or, where that is known already, more of its entries.

    Attributes:
        artifact: The artifact's serial.
        index: N of vN.
        how: How that was learnt.
        used_ns: When it first used it.
        entries: How many of its entries it is known to have opened, each counted once.
        paths: Which: at most `MAX_PATHS` of them, those opened first.
    """

    artifact: Serial
    index: Index
    how: Learnt
    used_ns: Time
    entries: Count = 0
    paths: Annotated[tuple[bytes, ...], Meta(max_length=MAX_PATHS)] = ()


class RunLogged(_RunOperation, frozen=True, array_like=True, tag="run-logged"):
    """The run, too, logs a version that another one made: it had the same contents, or added a part of them."""

    artifact: Serial
    index: Index
    how: Learnt
    logged_ns: Time


RunOp: TypeAlias = RunStarted | RunResumed | RunEdited | RunFinished | RunUsed | RunLogged
"""One change of the runs."""
