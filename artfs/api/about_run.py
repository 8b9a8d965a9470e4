"""What a stored config has of the run itself, as its project: no values of the config."""

from __future__ import annotations

from typing import Any, Final

from artfs.catalog import Run, json_object

__all__ = ["ABOUT", "about_run"]

ABOUT: Final = "_artfs"
"""The key of a stored config under which the run's own attributes are: project, entity, group, tags, notes, id."""


def about_run(row: Run) -> dict[str, Any]:
    """Return the attributes of a run that are stored with its config."""
    stored = json_object(row.fields.config, max_keys=None).get(ABOUT)
    return stored if isinstance(stored, dict) else {}
