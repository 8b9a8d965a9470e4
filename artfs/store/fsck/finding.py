"""Results of a check."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Affected", "BadRecords", "Finding", "Part", "Quarantined", "finding_of"]


class Part(StrEnum):
    """The part of a store that is at fault; of these only the index can be rebuilt from the others."""

    PACK = "pack"
    JOURNAL = "journal"
    INDEX = "index"
    TREE = "tree"
    DRAFT = "draft"
    OWNER = "owner"
    HISTORY = "history"


class Finding(msgspec.Struct, frozen=True, tag=True):
    """A broken invariant.

    Attributes:
        invariant: Its number in docs/FORMAT.md.
        part: Where the fault is.
        message: What is wrong, in one line.
    """

    invariant: str
    part: Part
    message: str


def finding_of(invariant: str, part: Part, message: str) -> Finding:
    """Make a finding of an error's message, without its advice to run fsck."""
    return Finding(invariant, part, message.partition(": run `artfs fsck")[0])


class Affected(msgspec.Struct, frozen=True, tag=True):
    """A path of a visible version that damage affects.

    Attributes:
        ref: The version, as in `animals:v1`.
        path: From the version's top; a directory, whose list is damaged, ends in `/`, and the top is empty.
    """

    ref: str
    path: bytes


class Quarantined(msgspec.Struct, frozen=True, tag=True):
    """A damaged pack that a repair has moved to the quarantine.

    Attributes:
        pack: Its name before.
        kept: Its name now.
        saved: How many of its chunks are in other packs now.
        lost: How many are in no other.
    """

    pack: str
    kept: str
    saved: int
    lost: int


class BadRecords(msgspec.Struct, frozen=True):
    """Damaged packs and their damaged records.

    Attributes:
        names: What was found in each pack that can be quarantined, by its name.
        unreadable: Names of the packs that the system failed to read.
        packs: Ids of the packs that are damaged in any way.
        digests: Of the chunks and nodes, where they are known, and in which packs.
        places: Pack id and offset of the others.
    """

    names: dict[str, list[Finding]] = msgspec.field(default_factory=dict)
    unreadable: set[str] = msgspec.field(default_factory=set)
    packs: set[bytes] = msgspec.field(default_factory=set)
    digests: dict[bytes, set[bytes]] = msgspec.field(default_factory=dict)
    places: set[tuple[bytes, int]] = msgspec.field(default_factory=set)
