"""`artfs.init`: start a run, or go on with one."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from pathlib import Path

from artfs.api.artifact.artifact_and_run import Run
from artfs.api.run import tracking
from artfs.api.run.exit_code import note_exits
from artfs.api.run.provenance import checked_out_commit, command_line, has_changes, working_directory
from artfs.api.store_pool import StoreLike, shared_store
from artfs.catalog import NewRun, attributes_of, current_actor, encode_metadata
from artfs.lineage import record_crashes
from artfs.procfs import current_process

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

    It ends with `finish`, at the end of a `with` block, or with the process. How the block or the process ended is
    kept: an exception as exit code 1, `sys.exit(5)` as 5. Without a `with` block the code of `raise SystemExit(5)` is
    known if the main module raises it with a constant or a variable; write `sys.exit(main())` for others. A process
    that is killed, or ends with `os._exit`, leaves a run that has crashed.

    A run that is started inside another one is the current one until it ends; then the outer one is again. A thread or
    task that starts a run has it for itself. Programs that are started from here belong to the run that was started
    last; put another's id into `ARTFS_RUN_ID` of their environment where threads have a run each.

    Args:
        name: What people call it; None: its id.
        job_type: The kind of work it does (`train`).
        config: The settings it is started with: a mapping, or an object with such attributes (`argparse.Namespace`, a
            dataclass). `Run.config` says what is kept of them.
        id: The id of a run that is to go on, or that a new one is to have: 8 of the characters a-z and 0-9.
        store: The store or its directory; None: `$ARTFS_STORE`, else the user's own. It is made if there is none.
        pin: Let each alias stay the version that it is when the run first asks for it, in mounts too.

    Raises:
        InvalidInputError: An id or value is not allowed.
        TypeError: The config holds a value of a type that cannot be kept.
        StoreError: The store cannot be used.
    """
    directory = working_directory()
    commit = checked_out_commit(Path(directory)) if directory else None
    new = NewRun(
        id,
        name,
        job_type,
        encode_metadata(_mapping(config), max_keys=None, what="config"),
        command_line(),
        commit,
        directory,
        None if commit is None else has_changes(Path(directory)),
        current_process(),
    )
    opened = shared_store(store)
    record_crashes(opened)
    run = Run(opened, opened.catalog.start_run(new, current_actor(id)))
    tracking.begin(opened, run.id, new_id=id is None, pin=pin)
    note_exits()
    atexit.register(run.finish_at_exit)
    return run


def _mapping(config: Mapping[str, object] | object | None) -> Mapping[str, object]:
    if config is None or isinstance(config, Mapping):
        return config or {}
    fields = attributes_of(config)
    if fields is None and not hasattr(config, "__dict__"):
        raise TypeError(f"config must be a mapping or an object with attributes, not {type(config).__name__}")
    return vars(config) if fields is None else fields
