"""`artfs run`: run a command as a run, with its inputs and outputs."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from artfs.cli.arguments import JOB_TYPE, METADATA, TEXT, metadata_of
from artfs.cli.command import command as artfs_command
from artfs.cli.render.messages import write_as_text, write_failure
from artfs.cli.render.output import print_note
from artfs.cli.settings import Settings
from artfs.mountinfo import mounts_of
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.store import Store

__all__ = ["command"]

_PASSED_ON: Final = frozenset(
    {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH}
)
_SHARED: Final = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH, signal.SIGHUP})
"""Signals that a terminal sends to all of its foreground processes: the command has them already."""
_FROM_KERNEL: Final = 0x80
_LOOK_SECONDS: Final = 1.0
"""How often the command is looked at without a signal: the kernel may give SIGCHLD to a thread that ignores it."""


@artfs_command(
    "run",
    examples=(
        "artfs run python train.py --data ~/art/animals/latest",
        "artfs run --name baseline --job-type train --config lr=0.01 -- ./train.sh",
    ),
    context_settings={"allow_interspersed_args": False},
)
@click.argument("line", nargs=-1, required=True, metavar="[--] COMMAND...", type=click.UNPROCESSED)
@click.option("--name", type=TEXT, help="What people call the run. Default: its id.")
@click.option("--job-type", type=JOB_TYPE, help="What kind of work it does, as `train`.")
@click.option(
    "--config",
    multiple=True,
    type=METADATA,
    help="What it is started with; the value is JSON if it reads as JSON, else text (repeatable).",
)
@click.option("--wandb", is_flag=True, help="Let `import wandb` find artfs in Python.")
@click.option("--no-pin", is_flag=True, help="Let aliases move while it runs.")
@click.pass_obj
def command(
    settings: Settings,
    line: tuple[str, ...],
    name: str | None,
    job_type: str | None,
    config: tuple[tuple[str, Any], ...],
    wandb: bool,
    no_pin: bool,
) -> None:
    """Run a command as a run.

    Options of run stand before COMMAND; all that follows it is the command's. Ends with the command's exit code.

    A version is used by the run (an input) when a file of it is opened in a mount of the store, by the command or any
    process that it starts, when it is read with `artfs get` or `cat`, or in Python with use_artifact. A version is
    logged by the run (an output) when it is put, or logged in Python, and when it is committed from a draft that the
    run wrote into, inside the run or later. An alias is the same version for the whole run.

    With --wandb a Python script that imports wandb works on the store, unchanged and offline, if its Python has artfs;
    each wandb.init in it is a run of its own. docs/COMPARED.md says what is there of W&B.
    """
    from artfs.api.about_run import ABOUT
    from artfs.api.run.provenance import checked_out_commit, has_changes, working_directory
    from artfs.catalog import NewRun, current_actor, encode_metadata
    from artfs.cli.control_client.written_drafts import written_drafts
    from artfs.lineage import RunDirectories, flush_ended_runs, flush_run, record_crashes
    from artfs.procfs import current_process, process_identity

    write_as_text()
    words = tuple(word.encode("utf-8", "replace").decode() for word in line)
    about = {ABOUT: {"project": settings.project}} if settings.project else {}
    given = encode_metadata({**metadata_of(config), **about}, max_keys=None)
    here = working_directory()
    commit = checked_out_commit(Path(here)) if here else None
    dirty = None if commit is None else has_changes(Path(here))
    own = current_process()
    new = NewRun(None, name, job_type, given, words, commit, here, dirty, own)
    with settings.open_or_make_store() as store:
        record_crashes(store)
        layout = store.layout
        run = store.catalog.start_run(new, current_actor()).id
        runs = RunDirectories(layout.runs)
        if own is not None:
            runs.register(run, own, pin=not no_pin)
    mounted = any(mount.pid and not mount.staging for mount in mounts_of(settings.store_path))
    if not mounted and not wandb:
        print_note(f"{settings.store_path} is not mounted: what the command opens is not noted")
    environment = {**os.environ, "ARTFS_RUN_ID": run, "ARTFS_STORE": os.fspath(layout.root)}
    if settings.project:
        environment["ARTFS_PROJECT"] = settings.project
    if wandb:
        environment["PYTHONPATH"] = _with_wandb(environment.get("PYTHONPATH"))

    def started(pid: int) -> None:
        if (process := process_identity(pid)) is not None:
            runs.register(run, process, pin=not no_pin)

    ended = _run_line(line, environment, started)
    with settings.open_store() as store:
        store.catalog.finish_run(run, "failed" if ended.code else "finished", current_actor(run), exit_code=ended.code)
        flush_run(store, run, current_actor(run))
        flush_ended_runs(store)
        written = written_drafts(store.path, run)
        if not ended.code and not wandb:
            _note_missing_edges(store, run, mounted=mounted, written=bool(written))
    for draft in written:
        print_note(
            f"run {run} wrote into the draft {quoted(draft)}, which is not committed yet:"
            f" `artfs commit {shlex.quote(draft)}` makes a version of it, as an output of the run"
        )
    if ended.message:
        write_failure(ended.message, "failed", ended.code)
    raise click.exceptions.Exit(ended.code)


def _with_wandb(path: str | None) -> str:
    """Return a `PYTHONPATH` on which `wandb` is artfs, before what was on it."""
    from artfs.integrations import as_wandb

    return os.pathsep.join((*as_wandb.__path__, *([path] if path else [])))


def _note_missing_edges(store: Store, run: str, *, mounted: bool, written: bool) -> None:
    """Say of a run without inputs or outputs what makes a version one, unless a note has said so already.

    Args:
        store: Has the run, flushed.
        run: Its id.
        mounted: The store was mounted when it began.
        written: It wrote into drafts that are not committed.
    """
    from artfs.catalog import EdgeKind

    with store.catalog.view() as view:
        unused = mounted and not view.edges_of_run(run, EdgeKind.USED)
        unlogged = not written and not view.edges_of_run(run, EdgeKind.LOGGED)
    used, logged = "what it opens in a mount of the store is used", "what it puts, or writes into a draft, is logged"
    if unused and unlogged:
        print_note(f"run {run} used no version and logged none: {used}, {logged} (`artfs run --help`)")
    elif unused:
        print_note(f"run {run} used no version: {used} (`artfs run --help`)")
    elif unlogged:
        print_note(f"run {run} logged no version: {logged} (`artfs run --help`)")


@dataclass(frozen=True, slots=True)
class _Exit:
    """Exit of the command.

    Attributes:
        code: Its exit code; 128 + N if signal N killed it; 127 if there is no such program, 126 if it cannot be run.
        message: Why the command could not be started.
    """

    code: int
    message: str = ""


def _run_line(line: Sequence[str], environment: Mapping[str, str], started: Callable[[int], None]) -> _Exit:
    """Run a command and wait for its end; signals are passed on to it.

    Args:
        line: The program and its arguments.
        environment: Environment of the command.
        started: Called with its process id.
    """
    watched = _PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        try:
            # Python ignores these two; programs expect them not to be ignored.
            defaults = (signal.SIGPIPE, signal.SIGXFSZ)
            child = os.posix_spawnp(line[0], list(line), environment, setsigmask=before, setsigdef=defaults)
        except FileNotFoundError:
            return _Exit(127, f"there is no program {line[0]}: look at how it is spelt, and at $PATH")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            return _Exit(126, f"{line[0]}: {why}")
        started(child)
        return _follow(child, watched)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow(child: int, watched: frozenset[signal.Signals]) -> _Exit:
    """Pass signals on until the child has ended."""
    while True:
        received = signal.sigtimedwait(watched, _LOOK_SECONDS)
        if received is None or received.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return _Exit(code if code >= 0 else 128 - code)
        elif not (received.si_signo in _SHARED and received.si_code == _FROM_KERNEL):
            os.kill(child, received.si_signo)
