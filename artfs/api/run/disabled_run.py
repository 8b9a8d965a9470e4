"""`DisabledRun`: what `artfs.init(mode="disabled")` returns. The store never hears of it."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from artfs.api import nesting
from artfs.api.artifact.artifact import Artifact
from artfs.api.run.ids import new_id
from artfs.api.run.run import Run, check_type
from artfs.catalog import NewRun, current_actor, state_now
from artfs.catalog import Run as Row
from artfs.format.runs import MAX_EXIT_CODE, RunFields
from artfs.names import DEFAULT_TYPE, parse_ref
from artfs.store.store import Store

__all__ = ["DisabledRun"]


class DisabledRun(Run):
    """A run of which nothing is kept: config, summary and name are as long as this object.

    What it uses is read from the store as ever; what it logs stays unlogged.

    Args:
        store: The store that it uses artifacts of.
        new: What it was started with.
    """

    def __init__(self, store: Store, new: NewRun) -> None:
        id_ = new.id or new_id()
        who = current_actor(id_)
        fields = RunFields(new.name or id_, new.job_type or "", new.config)
        row = Row(id_, fields, time.time_ns(), who.user, who.host, who.pid, new.command, new.git)
        super().__init__(
            store, msgspec.structs.replace(row, directory=new.directory, dirty=new.dirty, process=new.process)
        )
        nesting.enter(self.id, self.project)

    @property
    def state(self) -> str:
        """As of any run."""
        return state_now(self._row)

    @property
    def exit_code(self) -> int | None:
        """As of any run."""
        return self._row.exit_code

    def update(self) -> None:
        """Store nothing."""

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run; harmless when it has ended.

        Args:
            exit_code: As of any run.
            quiet: Without effect.
        """
        del quiet
        atexit.unregister(self.finish_at_exit)
        if self._row.state == "running":
            code = exit_code if exit_code is not None and 0 <= exit_code <= MAX_EXIT_CODE else None
            state = "failed" if exit_code else "finished"
            self._row = msgspec.structs.replace(self._row, state=state, ended_ns=time.time_ns(), exit_code=code)
            nesting.leave(self.id)

    def _add_step(self, data: Mapping[str, Any], step: int | None, *, commit: bool, with_last: set[str]) -> bool:
        del data, with_last
        return self._steps.pass_over(step, commit=commit)

    def use_artifact(
        self,
        artifact_or_name: Artifact | str,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Return a version, as any run does, and note it nowhere. An unlogged artifact, and that of a URI, stays so."""
        del aliases, use_as
        if isinstance(artifact_or_name, str) and "://" not in artifact_or_name:
            ref = parse_ref(artifact_or_name, self._project_of_names())
            found = Artifact.of_version(self._store, self._store.version(ref))
        else:
            found = self._unlogged(artifact_or_name, None, type)
        check_type(found.base_name, found.type, type)
        return found

    def log_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
        *,
        if_changed: bool = False,
        follow_links: bool = False,
    ) -> Artifact:
        """Return the artifact as it is; of a path, an empty one that is not logged."""
        del aliases, tags, if_changed, follow_links
        return self._unlogged(artifact_or_path, name, type)

    def upsert_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
        *,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Do as `log_artifact`."""
        del aliases, tags, distributed_id
        return self._unlogged(artifact_or_path, name, type)

    finish_artifact = upsert_artifact

    def link_artifact(
        self,
        artifact: Artifact,
        target_path: str,
        aliases: Sequence[str] | str | None = None,
    ) -> Artifact:
        """Return the artifact as it is."""
        del target_path, aliases
        return artifact

    def link_model(
        self,
        path: str | os.PathLike[str],
        registered_model_name: str,
        name: str | None = None,
        aliases: Sequence[str] | str | None = None,
    ) -> Artifact:
        """Do as `log_model`."""
        del registered_model_name
        return self.log_model(path, name, aliases)

    def _log_files(self, name: str, type_: str, files: Mapping[str, str]) -> None:  # type: ignore[override] # no artifact
        del name, type_, files

    def _unlogged(
        self, artifact_or_path: Artifact | str | os.PathLike[str], name: str | None, type_: str | None
    ) -> Artifact:
        found = artifact_or_path
        if not isinstance(found, Artifact):
            found = Artifact(name or self._name_of_path(found), type_ or DEFAULT_TYPE, store=self._store)
        found.wait_for_nothing()
        return found
