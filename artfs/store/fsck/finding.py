"""What a check finds."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

__all__ = ["Affected", "BadRecords", "Finding", "Part", "Quarantined", "told"]


class Part(StrEnum):
    """Where the fault is; of these only the index can be made again from the others."""

    PACK = "pack"
    JOURNAL = "journal"
    INDEX = "index"
    TREE = "tree"
    DRAFT = "draft"


class Finding(msgspec.Struct, frozen=True, tag=True):
    """Something that is not as it must be.

    Attributes:
        invariant: Its number in docs/FORMAT.md.
        part: Where the fault is.
        message: What is wrong, in one line.
    """

    invariant: str
    part: Part
    message: str


def told(invariant: str, part: Part, message: str) -> Finding:
    """Make a finding of an error's message, without its advice to run what is running."""
    return Finding(invariant, part, message.partition(": run `artfs fsck")[0])


class Affected(msgspec.Struct, frozen=True, tag=True):
    """A path of a version in sight whose bytes the damage concerns.

    Attributes:
        ref: The version, as in `animals:v1`.
        path: From the version's top; a directory, whose list is damaged, ends in `/`, and the top is empty.
    """

    ref: str
    path: bytes


class Quarantined(msgspec.Struct, frozen=True, tag=True):
    """A damaged pack that a repair has set aside.

    Attributes:
        pack: Where it was, from the store's directory.
        kept: Where it is now.
        saved: How many of its chunks are in other packs now.
        lost: How many are nowhere else.
    """

    pack: str
    kept: str
    saved: int
    lost: int


class BadRecords(msgspec.Struct, frozen=True):
    """Records of packs that are damaged.

    Attributes:
        files: What was found in each pack that can be set aside: not in those that the system failed to read.
        packs: Ids of the packs that are damaged in any way.
        digests: Of the chunks and nodes, where they are known, and in which packs.
        places: Pack id and offset of the others.
    """

    files: dict[Path, list[Finding]] = msgspec.field(default_factory=dict)
    packs: set[bytes] = msgspec.field(default_factory=set)
    digests: dict[bytes, set[bytes]] = msgspec.field(default_factory=dict)
    places: set[tuple[bytes, int]] = msgspec.field(default_factory=set)
