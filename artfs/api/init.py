"""How a run begins."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from pathlib import Path

from artfs.api import capture
from artfs.api.run import Run
from artfs.api.stores import StoreLike, shared_store
from artfs.api.surroundings import checked_out_commit, command_line, has_changes, working_directory
from artfs.catalog import NewRun, current_actor, current_process, encode_metadata
from artfs.lineage.crashes import note_crashes

__all__ = ["init"]


def init(
    name: str | None = None,
    job_type: str | None = None,
    config: Mapping[str, object] | object | None = None,
    id: str | None = None,  # noqa: A002 - W&B's word
    store: StoreLike = None,
    pin: bool = True,
) -> Run:
    """Start a run, or go on with one.

    It ends with `finish`, at the end of a `with` block, or with the process.

    Args:
        name: What people call it; None: its id.
        job_type: What kind of work it does (`train`).
        config: What it is started with: a mapping, or an object with such attributes (`argparse.Namespace`).
        id: The id of a run that is to go on, or that a new one is to have: 8 of the characters a-z and 0-9.
        store: The store or its directory; None: `$ARTFS_STORE`, else the user's own. It is made if there is none.
        pin: Have each alias stay the version that it is when the run first asks for it, in mounts too.

    Raises:
        InvalidInputError: An id or value is not allowed.
        TypeError: The config holds what JSON cannot express.
        StoreError: The store cannot be used.
    """
    given = {} if config is None else config if isinstance(config, Mapping) else vars(config)
    here = working_directory()
    commit = checked_out_commit(Path(here)) if here else None
    new = NewRun(
        id,
        name,
        job_type,
        encode_metadata(given, max_keys=None),
        command_line(),
        commit,
        here,
        None if commit is None else has_changes(Path(here)),
        current_process(),
    )
    opened = shared_store(store)
    note_crashes(opened)
    run = Run(opened, opened.catalog.start_run(new, current_actor(id)))
    capture.begin(opened, run.id, pin=pin)
    atexit.register(run.finish_at_exit)
    return run
