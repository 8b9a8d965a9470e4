"""Environment variables for store and run. It imports little, so that the command starts fast."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.errors import InvalidInputError
from artfs.names import parse_project, parse_store_path

__all__ = [
    "announce_run",
    "announced_project",
    "announced_run",
    "default_project",
    "default_store",
    "wandb_keywords",
    "withdraw_run",
]

_RUN = "ARTFS_RUN_ID"
_RUN_PROJECT = "ARTFS_RUN_PROJECT"
_WANDB = {
    "WANDB_DIR": "dir",
    "WANDB_ENTITY": "entity",
    "WANDB_JOB_TYPE": "job_type",
    "WANDB_NAME": "name",
    "WANDB_NOTES": "notes",
    "WANDB_PROJECT": "project",
    "WANDB_RESUME": "resume",
    "WANDB_RUN_GROUP": "group",
    "WANDB_RUN_ID": "id",
}


def default_store() -> Path:
    """Return the default store: `$ARTFS_STORE`, else `artfs` in the user's data directory.

    Raises:
        InvalidInputError: No such directory is known.
    """
    if named := os.environ.get("ARTFS_STORE"):
        return parse_store_path(named)
    data = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):  # the XDG specification has a relative one ignored
        return parse_store_path(Path(data, "artfs"))
    try:
        return parse_store_path(Path.home() / ".local" / "share" / "artfs")
    except RuntimeError:
        raise InvalidInputError("this user has no home directory: name a store with --store or $ARTFS_STORE") from None


def default_project() -> str | None:
    """Return the project of names without one, `$ARTFS_PROJECT`; None: no project.

    Raises:
        InvalidInputError: It is no name of a project.
    """
    named = os.environ.get("ARTFS_PROJECT")
    return parse_project(named) if named else None


def announced_run() -> str | None:
    """Return the run that the environment names, which may be of any store; None: none."""
    return os.environ.get(_RUN) or None


def announced_project() -> str | None:
    """Return the project of the run that the environment names; None: it has none, or that is not known here."""
    run, slash, project = os.environ.get(_RUN_PROJECT, "").partition("/")
    return project if slash and run == announced_run() else None  # another run may have been put there


def announce_run(run: str, project: str | None) -> None:
    """Name the run, and its project, in the environment of programs that this process starts."""
    os.environ[_RUN] = run
    if project:
        os.environ[_RUN_PROJECT] = f"{run}/{project}"
    else:
        os.environ.pop(_RUN_PROJECT, None)


def withdraw_run(run: str) -> None:
    """Remove the run from the environment, if it is the one named there."""
    if os.environ.get(_RUN) == run:
        del os.environ[_RUN]
        os.environ.pop(_RUN_PROJECT, None)


def wandb_keywords() -> dict[str, str | list[str]]:
    """Return the keywords of `init` that W&B's variables in the environment stand for."""
    found: dict[str, str | list[str]] = {
        keyword: value for variable, keyword in _WANDB.items() if (value := os.environ.get(variable))
    }
    if tags := [tag.strip() for tag in os.environ.get("WANDB_TAGS", "").split(",") if tag.strip()]:
        found["tags"] = tags
    if os.environ.get("WANDB_MODE") == "disabled":
        found["mode"] = "disabled"
    return found
