"""What a check finds."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Affected", "BadRecords", "Finding", "Part", "told"]


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


class BadRecords(msgspec.Struct, frozen=True):
    """Records of packs that are damaged.

    Attributes:
        packs: Ids of the packs that are damaged in any way.
        digests: Of the chunks and nodes, where they are known.
        places: Pack id and offset of the others.
    """

    packs: set[bytes]
    digests: set[bytes]
    places: set[tuple[bytes, int]]
