"""`artfs.init`: start a run, or go on with one."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from artfs.api import live_runs, tracking
from artfs.api.about_run import ABOUT, about_run
from artfs.api.projects import current_project
from artfs.api.run.attributes import attributes_to_keep
from artfs.api.run.config_values import config_values
from artfs.api.run.disabled_run import DisabledRun
from artfs.api.run.exit_code import note_exits
from artfs.api.run.ids import run_id_of
from artfs.api.run.keywords import WandbKeywords, check_keywords
from artfs.api.run.provenance import checked_out_commit, command_line, has_changes, working_directory
from artfs.api.run.resume_file import ResumeFile
from artfs.api.run.run import Run
from artfs.api.store_pool import StoreLike, shared_store
from artfs.catalog import NewRun, current_actor, encode_metadata, state_now
from artfs.catalog import Run as Row
from artfs.errors import ConflictError, InvalidInputError, NotFoundError
from artfs.lineage import record_crashes
from artfs.procfs import current_process
from artfs.store.store import Store

__all__ = ["init"]


def init(
    name: str | None = None,
    job_type: str | None = None,
    config: Mapping[str, object] | object | None = None,
    id: str | None = None,  # noqa: A002 - W&B's word
    store: StoreLike = None,
    pin: bool = True,
    **named: Unpack[WandbKeywords],
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
        config: The settings it is started with: a mapping, an object with such attributes (`argparse.Namespace`, a
            dataclass), or the path of a YAML or JSON file. `Run.config` says what is kept of them.
        id: The id of a run that is to go on, or that a new one is to have: 8 of the characters a-z and 0-9. Another
            text of 1 to 64 characters without `/`, backslash, `#`, `?`, `%` and `:` stands for an id that is computed
            from it, and is the name where none is given.
        store: The store or its directory; None: `$ARTFS_STORE`, else the user's own. It is made if there is none.
        pin: Let each alias stay the version that it is when the run first asks for it, in mounts too.
        named: The other keywords of `wandb.init`; the table above says what becomes of them.

    Raises:
        InvalidInputError: An id or value is not allowed.
        TypeError: The config holds a value of a type that cannot be kept; or there is no such keyword.
        NotFoundError: `resume="must"`, and there is no such run.
        ConflictError: `resume="never"`, and there is one.
        SourceError: The config's file cannot be read.
        StoreError: The store cannot be used.
    """
    check_keywords(named, ("name", "job_type", "config", "id", "store", "pin"))
    if (previous := _previous(named.get("reinit"))) is not None:
        return previous
    values = config_values(config, named.get("config_include_keys"), named.get("config_exclude_keys"))
    about = attributes_to_keep(named)
    own_id = None if id is None else run_id_of(id)
    if id is not None and own_id != id:
        about["id"] = id
    opened = shared_store(store)
    disabled = named.get("mode") == "disabled"
    resume = None
    if not disabled:
        record_crashes(opened)
        if named.get("resume") in {"auto", True}:
            resume = ResumeFile.below(named.get("dir") or ".")
            own_id = own_id or _interrupted(opened, resume)
    known = None if disabled else _known(opened, own_id, named.get("resume"))
    if known is None and name is None:
        name = id
    if known is None and "project" not in about and (project := current_project(opened)) is not None:
        about["project"] = project
    elif known is not None and about:
        about = about_run(known) | about
    directory = working_directory()
    commit = checked_out_commit(Path(directory)) if directory else None
    new = NewRun(
        own_id,
        name,
        job_type,
        encode_metadata({**values, **({ABOUT: about} if about else {})}, max_keys=None, what="config"),
        command_line(),
        commit,
        directory,
        None if commit is None else has_changes(Path(directory)),
        current_process(),
    )
    run = DisabledRun(opened, new) if disabled else Run(opened, opened.catalog.start_run(new, current_actor(own_id)))
    if (files := named.get("dir")) is not None:
        run.keep_files_in(files)
    if resume is not None:
        run.find_again_by(resume)
    if not disabled:
        tracking.begin(opened, run.id, new_id=own_id is None, pin=pin, project=run.project)
    live_runs.enter(run)
    note_exits()
    atexit.register(run.finish_at_exit)
    return run


def _previous(reinit: object) -> Run | None:
    """Do what `reinit` says of the runs that go on; return the one that is to be returned."""
    if reinit == "return_previous":
        return live_runs.live_run()
    if reinit is True or reinit == "finish_previous":
        for run in live_runs.live_runs():
            run.finish()
    return None


def _interrupted(store: Store, file: ResumeFile) -> str | None:
    """Return the id of the run that a file names, if that has crashed or failed."""
    id_ = file.read()
    with store.catalog.view() as view:
        row = None if id_ is None else view.run(id_)
    return row.id if row is not None and state_now(row) in {"crashed", "failed"} else None


def _known(store: Store, id_: str | None, resume: object) -> Row | None:
    """Return the run of an id, if there is one; `resume` may demand that there is, or is none."""
    if id_ is None:
        if resume == "must":
            raise InvalidInputError("resume='must' needs the id of a run")
        return None
    with store.catalog.view() as view:
        known = view.run(id_)
    if known is None and resume == "must":
        raise NotFoundError(f"there is no run {id_} to go on with: `artfs runs` shows which there are")
    if known is not None and resume == "never":
        raise ConflictError(f"there is a run {id_} already: give another id, or no resume='never'")
    return known
