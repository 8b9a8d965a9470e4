"""`artfs run`: a command as a run, with what it opens in mounts as inputs and what it commits as outputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from artfs.cli.arguments import METADATA, TEXT, metadata_of
from artfs.cli.command import command as artfs_command
from artfs.cli.settings import Settings
from artfs.names import printable

__all__ = ["command"]


@artfs_command(
    "run",
    examples=(
        "artfs run -- python train.py --data /mnt/art/animals/latest",
        "artfs run --name baseline --job-type train --config lr=0.01 -- ./train.sh",
    ),
)
@click.argument("line", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
@click.option("--name", type=TEXT, help="What people call the run. Default: its id.")
@click.option("--job-type", type=TEXT, help="What kind of work it does, as `train`.")
@click.option(
    "--config",
    multiple=True,
    type=METADATA,
    help="What it is started with; the value is JSON if it reads as JSON, else text (repeatable).",
)
@click.option("--no-pin", is_flag=True, help="Let aliases move while it runs.")
@click.pass_obj
def command(
    settings: Settings,
    line: tuple[str, ...],
    name: str | None,
    job_type: str | None,
    config: tuple[tuple[str, Any], ...],
    no_pin: bool,
) -> None:
    """Run a command as a run.

    What the command and the processes that it starts open in mounts of the store becomes an input of the run, what they
    commit or put an output. An alias is the same version for the whole run. Ends with the command's exit code.
    """
    from artfs.api.surroundings import checked_out_commit, has_changes, working_directory
    from artfs.catalog import NewRun, current_actor, current_process, encode_metadata, process_of
    from artfs.cli.running import run_line
    from artfs.lineage import RunsHome, fold
    from artfs.lineage.crashes import note_crashes

    words = tuple(word.encode("utf-8", "replace").decode() for word in line)
    given = encode_metadata(metadata_of(config), max_keys=None)
    here = working_directory()
    commit = checked_out_commit(Path(here)) if here else None
    dirty = None if commit is None else has_changes(Path(here))
    own = current_process()
    new = NewRun(None, name, job_type, given, words, commit, here, dirty, own)
    with settings.open_store(create=True) as store:
        note_crashes(store)
        layout = store.layout
        run = store.catalog.start_run(new, current_actor()).id
        runs = RunsHome(layout.runs)
        if own is not None:
            runs.register(run, own, pin=not no_pin)
    if not _is_mounted(settings.store_path):
        click.echo(
            f"artfs: {printable(str(settings.store_path))} is not mounted: what the command opens is not noted",
            err=True,
        )
    environment = {**os.environ, "ARTFS_RUN_ID": run, "ARTFS_STORE": os.fspath(layout.root)}

    def started(pid: int) -> None:
        if (process := process_of(pid)) is not None:
            runs.register(run, process, pin=not no_pin)

    ended = run_line(line, environment, started)
    with settings.open_store() as store:
        store.catalog.finish_run(run, "failed" if ended.code else "finished", current_actor(run), exit_code=ended.code)
        fold(store, run, current_actor(run))
    if ended.message:
        click.echo(f"artfs: {printable(ended.message)}", err=True)
    raise click.exceptions.Exit(ended.code)


def _is_mounted(store: Path) -> bool:
    from artfs.mountinfo import mounts

    real = os.path.realpath(store)
    return any(os.path.realpath(mount.store) == real and not mount.staging and mount.pid for mount in mounts())
