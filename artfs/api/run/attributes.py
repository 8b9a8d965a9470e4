"""The attributes that W&B gives a run: entity, project, group, tags, notes.

They are stored with the config, under a key that `Run.config` does not show (`artfs.api.about_run.ABOUT`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from artfs.api.environment import default_project
from artfs.api.run.base import RunBase
from artfs.catalog import check_text
from artfs.names import parse_project

__all__ = ["RunAttributes", "attributes_to_keep"]

_TEXTS: Final = ("entity", "project", "group", "notes")


def attributes_to_keep(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of W&B's keywords that are kept as attributes of the run.

    Raises:
        TypeError: One is no text.
        InvalidInputError: One cannot be stored, or the project is not allowed.
    """
    kept: dict[str, Any] = {
        key: check_text(value, f"run's {key}") for key in _TEXTS if (value := named.get(key)) is not None
    }
    if kept.get("project"):
        parse_project(kept["project"])
    if (tags := named.get("tags")) is not None:
        kept["tags"] = _tags(tags)
    return kept


def _tags(tags: Sequence[str] | str) -> list[str]:
    return list(dict.fromkeys(check_text(tag, "run's tag") for tag in ([tags] if isinstance(tags, str) else tags)))


class RunAttributes(RunBase):
    """The part of `Run` that has W&B's attributes."""

    _files: str | None = None

    @property
    def project(self) -> str | None:
        """The project of names without one in the run, which `artfs.init` was given; None: none."""
        return self._attribute("project")

    @property
    def entity(self) -> str | None:
        """The entity that `artfs.init` was given; None: none."""
        return self._attribute("entity")

    @property
    def group(self) -> str | None:
        """The group of runs that it belongs to; None: none. It is the `distributed_id` where none is given."""
        return self._attribute("group")

    @property
    def notes(self) -> str | None:
        """Free text; kept like `name`."""
        return self._attribute("notes")

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._keep("notes", None if notes is None else check_text(notes, "run's notes"))

    @property
    def tags(self) -> tuple[str, ...]:
        """Labels; kept like `name`."""
        return tuple(self.config.about_run.get("tags", ()))

    @tags.setter
    def tags(self, tags: Sequence[str] | str | None) -> None:
        self._keep("tags", _tags(tags or ()) or None)

    @property
    def path(self) -> str:
        """Entity, project and id with `/` between them, as far as they are known."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    @property
    def url(self) -> str | None:
        """None: a run has no page on the network; `artfs ui` shows it."""
        return None

    @property
    def dir(self) -> str:
        """A directory for files of the run, `wandb/run-ID/files` in `init`'s `dir` or here; made when it is asked for.

        Nothing of it is stored before `save` or `log_artifact`.
        """
        if self._files is None:
            self.keep_files_in(".")
        directory = str(self._files)
        os.makedirs(directory, exist_ok=True)
        return directory

    def keep_files_in(self, directory: str | os.PathLike[str]) -> None:
        """Have `dir` below a directory."""
        self._files = os.path.join(os.path.abspath(directory), "wandb", f"run-{self.id}", "files")

    def _project_of_names(self) -> str | None:
        """The project of names without one, as `artfs.api.projects.project_in`; None: no project."""
        return parse_project(self.project) if self.project else default_project()

    def _attribute(self, name: str) -> str | None:
        value: str | None = self.config.about_run.get(name)
        return value

    def _keep(self, name: str, value: object) -> None:
        if value is None:
            self.config.about_run.pop(name, None)
        else:
            self.config.about_run[name] = value
