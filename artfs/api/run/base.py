"""The state of a run: name, config, summary, times, end. `Run` adds the use of artifacts."""

from __future__ import annotations

import atexit
import os
from collections.abc import Container, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from artfs.api import tracking
from artfs.api.lines import termlog
from artfs.api.run.config import ConfigDict, RunConfig
from artfs.api.run.exit_code import code_at_exit, code_of
from artfs.api.run.resume_file import ResumeFile
from artfs.api.store_pool import shared_store
from artfs.catalog import Actor, check_text, current_actor, encode_metadata, json_object, state_now
from artfs.catalog import Run as Row
from artfs.errors import ArtfsError, InvalidInputError
from artfs.format.runs import MAX_EXIT_CODE, Outcome, RunFields
from artfs.store.store import Store

__all__ = ["RunBase"]


class RunBase:
    """The part of `Run` that needs no artifacts.

    Args:
        store: The store that has it.
        row: Its row in the catalog.
    """

    def __init__(self, store: Store, row: Row) -> None:
        self._store_path: str | Path = os.fspath(shared_store(store).path)  # text in pickles
        self._row = row
        self._pid = os.getpid()
        self._resume: ResumeFile | None = None
        self._name = row.fields.name
        self._config = RunConfig(row.fields.config)
        self._summary = ConfigDict(row.fields.summary, "summary")
        self._followed = False

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.name!r} ({self.state})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            self.finish(exit_code=code_of(error))
        except Exception as refused:
            if error is None:
                raise
            error.add_note(f"artfs: {self._not_stored(refused)}")

    @property
    def name(self) -> str:
        """What people call it. A change is kept by `update`, and whenever an artifact is logged or the run ends.

        Setting it raises TypeError if it is no text, and InvalidInputError if it cannot be stored.
        """
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = check_text(name, "run's name")

    @property
    def config(self) -> RunConfig:
        """What it was started with: a dictionary to change in place, or to set; kept like `name`.

        Its keys are attributes too. What is assigned is replaced at once by what is kept of it, also in lists and
        dictionaries in it; what cannot be kept is refused there, with a TypeError or an InvalidInputError.
        """
        return self._config

    @config.setter
    def config(self, values: Mapping[str, Any]) -> None:
        self._config.reload(json_object(encode_metadata(values, max_keys=None, what="config"), max_keys=None))

    @property
    def summary(self) -> ConfigDict:
        """What came out; like `config`. Of a run that crashed it has the last values of its history."""
        if not self._followed:
            self._followed = True
            if state_now(self._row) == "crashed":
                self._follow_history()
        return self._summary

    @summary.setter
    def summary(self, values: Mapping[str, Any]) -> None:
        self._summary.reload(json_object(encode_metadata(values, max_keys=None, what="summary"), max_keys=None))

    @property
    def id(self) -> str:
        """8 characters a-z and 0-9, by which `artfs.init(id=...)` goes on with it."""
        return self._row.id

    @property
    def store_path(self) -> Path:
        """The directory of the store that has it."""
        return Path(self._store_path)

    @property
    def job_type(self) -> str:
        """The kind of work it does, as `train`."""
        return self._row.fields.job_type

    @property
    def state(self) -> str:
        """`running`, `finished`, `failed`, or `crashed`: its process died and it had not ended."""
        with self._store.catalog.view() as view:
            return state_now(view.resolve_run(self.id))

    @property
    def exit_code(self) -> int | None:
        """The exit code that it ended with; None while it runs, and when that is not known."""
        with self._store.catalog.view() as view:
            return view.resolve_run(self.id).exit_code

    @property
    def directory(self) -> str:
        """The working directory in which it was started; empty if that is not known."""
        return self._row.directory

    @property
    def dirty(self) -> bool | None:
        """True if tracked files differed from the commit when it was started; None: not known."""
        return self._row.dirty

    @property
    def created_at(self) -> str:
        """The time at which it was first started: UTC, in ISO 8601."""
        return datetime.fromtimestamp(self._row.started_ns / 1e9, UTC).isoformat(timespec="milliseconds")

    @property
    def user(self) -> str:
        """The user that started it."""
        return self._row.user

    @property
    def host(self) -> str:
        """The machine that it was started on."""
        return self._row.host

    @property
    def command(self) -> tuple[str, ...]:
        """The command line."""
        return self._row.command

    @property
    def commit(self) -> str | None:
        """The git commit that was checked out where it was started; None if there was none."""
        return self._row.git

    def update(self) -> None:
        """Store what was changed of name, config and summary.

        Raises:
            InvalidInputError: Config or summary is too long; the rest is stored.
        """
        too_long: dict[str, InvalidInputError] = {}

        def edited(fields: RunFields) -> RunFields:
            too_long.clear()
            return RunFields(
                self.name if self.name != self._row.fields.name else fields.name,
                fields.job_type,
                merged("config", self.config, fields.config),
                merged("summary", self.summary, fields.summary),
            )

        def merged(what: str, values: ConfigDict, stored: bytes) -> bytes:
            try:
                return values.merged_into(stored)
            except InvalidInputError as error:
                too_long[what] = error
                return stored

        if self.name != self._row.fields.name or self.config.changed or self.summary.changed:
            self._load(self._store.catalog.edit_run(self.id, edited, self._actor()), keep=too_long)
        for error in too_long.values():
            raise error

    def _update_first(self) -> None:
        """Store what was changed before an artifact is logged; what is too long costs no artifact: `finish` says it."""
        with suppress(InvalidInputError):
            self.update()

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run; harmless when it has ended.

        Args:
            exit_code: Anything but 0 or None marks it as failed. It is stored if it is one (0 to 255).
            quiet: Without effect: nothing is written.
        """
        del quiet
        atexit.unregister(self.finish_at_exit)
        try:
            try:
                self._log_at_end()
            finally:
                self.update()
        finally:
            state: Outcome = "failed" if exit_code else "finished"
            code = exit_code if exit_code is not None and 0 <= exit_code <= MAX_EXIT_CODE else None
            self._load(self._store.catalog.finish_run(self.id, state, self._actor(), exit_code=code))
            if self._resume is not None and state == "finished":
                self._resume.remove(self.id)
            tracking.end(self._store, self.id)

    def finish_at_exit(self) -> None:
        """End the run as its process ends; not in a child that was forked."""
        if os.getpid() == self._pid:
            try:
                self.finish(exit_code=code_at_exit())
            except ArtfsError as error:
                termlog(self._not_stored(error))

    def find_again_by(self, file: ResumeFile) -> None:
        """Note the run in a file until it succeeds."""
        file.write(self.id)
        self._resume = file

    def _follow_history(self) -> None:
        """Put the last values of the history into the summary, which the run could not store."""

    def _log_at_end(self) -> None:
        """Log what is to be logged when the run ends."""

    @property
    def _store(self) -> Store:
        return shared_store(self._store_path, create=False)

    def _actor(self) -> Actor:
        return current_actor(self.id)

    def _not_stored(self, error: Exception) -> str:
        return f"run {self.id} could not be stored in full: {error}"

    def _load(self, row: Row, keep: Container[str] = ()) -> None:
        """Become what is stored.

        Args:
            row: The run's row.
            keep: Those of `config` and `summary` that stay as they are here.
        """
        self._row = row
        self._name = row.fields.name
        for what, values, stored in (
            ("config", self.config, row.fields.config),
            ("summary", self.summary, row.fields.summary),
        ):
            if what not in keep:
                values.load(stored)
