"""`artfs drafts`: list the open drafts."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_documents, print_table, size_text
from artfs.cli.settings import Settings
from artfs.documents.document import Document, iso_time, json_text, local_time
from artfs.drafts.registry import room_of
from artfs.errors import ArtfsError

if TYPE_CHECKING:
    from pathlib import Path

    from artfs.cli.render.draft_changes import ChangeSummary
    from artfs.drafts.commit.upstream import Upstream
    from artfs.drafts.db.schema import Origin
    from artfs.drafts.registry import DraftLocation
    from artfs.store import Store

__all__ = ["command"]

_HEADER = ("DRAFT", "ARTIFACT", "FROM", "BEHIND", "SINCE", "ROOM", "CHANGES", "DIRECTORY")


@artfs_command("drafts", examples=("artfs drafts", "artfs drafts --json"))
@json_option
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """List the open drafts.

    Prints of each the artifact that it makes versions of, the version that it is made from, the newer one that it is
    behind, since when it is open, how much room it takes on the disk, what was changed in it, and where it is: nothing
    if the drafts are not mounted, and then they are listed as they were when they were mounted.
    """
    from artfs.drafts.registry import DraftRegistry
    from artfs.mountinfo import mounts_of

    with settings.open_store() as store:
        top = next((mount.mountpoint for mount in mounts_of(store.path) if mount.staging), None)
        locations = DraftRegistry(store.layout.drafts).list() if store.layout.drafts.is_dir() else []
        found = (_read(location, store, top) for location in locations)
        if as_json:
            print_documents(draft.document() for draft in found)
        else:
            print_table(_HEADER, (draft.row() for draft in found), right=(5,))


@dataclass(frozen=True, slots=True)
class _Draft:
    """An open draft, for a line or a document.

    Attributes:
        name: Of the draft.
        place: Its directory in the staging mount; None: it is not mounted.
        room: Bytes that it takes on the disk.
    """

    name: str
    place: str | None
    room: int

    def document(self) -> Document:
        """Document for programs."""
        path = {"path": None} if self.place is None else json_text("path", os.fsencode(self.place))
        return {"draft": self.name, **path, "room": self.room}


@dataclass(frozen=True, slots=True)
class _ReadableDraft(_Draft):
    """A draft whose rows could be read.

    Attributes:
        origin: Where it comes from.
        upstream: The artifact that it commits to.
        summary: Counts of what was changed in it.
        damage: What it may lack since its log was damaged; empty: its log was not.
        runs: Ids of the runs that wrote into it since its last commit.
    """

    origin: Origin
    upstream: Upstream
    summary: ChangeSummary
    damage: str
    runs: list[str]

    def document(self) -> Document:
        """Document for programs."""
        since = self.origin.since_ns
        return {
            **_Draft.document(self),
            "artifact": self.upstream.artifact,
            "base": self.origin.base_ref or None,
            "newest": self.upstream.newest_ref or None,
            "behind": self.upstream.is_ahead,
            "shows_all": not self.origin.own_root,
            "damage": self.damage or None,
            "since": iso_time(since) if since else None,
            "runs": self.runs,
            "summary": self.summary.document(),
        }

    def row(self) -> tuple[str, ...]:
        """Cells of a table for people."""
        since = self.origin.since_ns
        damaged = ["damaged"] if self.damage else []
        merged = [f"merged, and differs from {self.origin.base_ref}"] if self.origin.own_root else []
        return (
            self.name,
            self.upstream.artifact,
            self.origin.base_ref or "nothing",
            self.upstream.newest_ref if self.upstream.is_ahead else "",
            local_time(since) if since else "",
            size_text(self.room),
            ", ".join((*damaged, self.summary.counts_text(), *merged)),
            self.place or "",
        )


@dataclass(frozen=True, slots=True)
class _DamagedDraft(_Draft):
    """A draft whose rows cannot be read.

    Attributes:
        error: The reason.
    """

    error: str

    def document(self) -> Document:
        """Document for programs."""
        return {**_Draft.document(self), "error": self.error}

    def row(self) -> tuple[str, ...]:
        """Cells of a table for people."""
        return self.name, "", "", "", "", size_text(self.room), self.error, self.place or ""


def _read(location: DraftLocation, store: Store, top: Path | None) -> _ReadableDraft | _DamagedDraft:
    """Read a draft; one that is damaged hides no other."""
    from artfs.cli.control_client.control_directory import ControlDirectory
    from artfs.cli.render.draft_changes import ChangeSummary, change_lines
    from artfs.drafts.commit.upstream import upstream_of
    from artfs.drafts.salvage.describe import describe_damage
    from artfs.drafts.view import FrozenDraft

    place = None if top is None else os.path.join(top, location.name)
    if place is not None:
        with suppress(ArtfsError):
            ControlDirectory(place).read("status")  # which checkpoints the rows; else they are a little older
    room = room_of(location.path)
    try:
        with FrozenDraft(location.path, store) as rows:
            summary = ChangeSummary()
            for _line in summary.watch(change_lines(rows, store)):
                pass
            upstream = upstream_of(store.catalog, location.path, rows.origin)
            damage = "" if rows.damage is None else describe_damage(rows.damage)
            origin, runs = rows.origin, rows.writers()
            return _ReadableDraft(location.name, place, room, origin, upstream, summary, damage, runs)
    except (ArtfsError, OSError) as error:
        return _DamagedDraft(location.name, place, room, str(error))
