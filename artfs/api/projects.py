"""The project that names without one are in: the run's, else that of the environment."""

from __future__ import annotations

from artfs.api import tracking
from artfs.api.about_run import about_run
from artfs.api.environment import default_project
from artfs.names import parse_project
from artfs.store.store import Store

__all__ = ["current_project", "project_in", "with_project_stated"]


def project_in(store: Store, run: str | None) -> str | None:
    """Return the project of names without one in a run; None: no project.

    Args:
        store: The store.
        run: The run, which may be another store's; None: outside of one.

    Raises:
        InvalidInputError: The run's, or `$ARTFS_PROJECT`, is no name of a project.
    """
    if run is not None:
        with store.catalog.view() as view:
            row = view.run(run)
        if row is not None and (named := about_run(row).get("project")):
            return parse_project(named)
    return default_project()


def current_project(store: Store) -> str | None:
    """Return the project of names without one where this thread or task is now, as `project_in`."""
    return project_in(store, tracking.current_run(store))


def with_project_stated(name: str) -> str:
    """Return the name of an artifact in the catalog as one that means the same in every project."""
    return name if "/" in name else f"/{name}"
