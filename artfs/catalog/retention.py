"""Retention rules: which of an artifact's versions go, as a pure function of the versions.

A version goes if nothing keeps it. What each rule keeps is counted over all versions of the artifact. The newest
version is always kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

__all__ = ["RetainedVersion", "RetentionRules", "kept_by"]

Period = Callable[[date], tuple[int, ...]]
"""Returns the day or week of a date: later ones are greater."""


class RetainedVersion(Protocol):
    """What the rules look at."""

    @property
    def index(self) -> int:
        """N of vN."""

    @property
    def created_ns(self) -> int:
        """When it was logged (nanoseconds since 1970)."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Rules for the versions of one artifact.

    Attributes:
        older_than_ns: Only versions that were logged longer ago than that go (nanoseconds).
        untagged: Only versions without tags go.
        keep_last: The newest so many are kept.
        keep_daily: Of each of the last so many days that have versions, the newest is kept. Days are local ones.
        keep_weekly: The same by ISO weeks.
        keep_tags: Versions with one of these tags are kept.
    """

    older_than_ns: int | None = None
    untagged: bool = False
    keep_last: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_tags: frozenset[str] = field(default_factory=frozenset)


def kept_by(
    versions: Iterable[RetainedVersion],
    rules: RetentionRules,
    now_ns: int,
    *,
    aliases: Mapping[int, Sequence[str]] | None = None,
) -> dict[int, tuple[str, ...]]:
    """Return for the index of each version, in ascending order, what keeps it; it goes if nothing does.

    Args:
        versions: All versions of the artifact that are not deleted, in any order.
        rules: The rules.
        now_ns: The time (nanoseconds since 1970).
        aliases: By index, aliases that keep a version.
    """
    newest_first = sorted(versions, key=lambda version: version.index, reverse=True)
    counted = {
        "newest": {version.index for version in newest_first[:1]},
        "keep-last": {version.index for version in newest_first[: rules.keep_last]},
        "keep-daily": _newest_of_each(newest_first, _day, rules.keep_daily),
        "keep-weekly": _newest_of_each(newest_first, _week, rules.keep_weekly),
    }
    found = {}
    for version in reversed(newest_first):
        why = [rule for rule, indexes in counted.items() if version.index in indexes]
        why += [f"tag {tag}" for tag in version.tags if tag in rules.keep_tags]
        why += [f"alias {alias}" for alias in (aliases or {}).get(version.index, ())]
        if rules.older_than_ns is not None and version.created_ns >= now_ns - rules.older_than_ns:
            why.append("not older")
        if rules.untagged and version.tags:
            why.append("tagged")
        found[version.index] = tuple(why)
    return found


def _newest_of_each(newest_first: Sequence[RetainedVersion], period: Period, count: int) -> set[int]:
    """Return the newest version of each of the last `count` periods that have any."""
    newest: dict[tuple[int, ...], int] = {}
    for version in newest_first:
        newest.setdefault(period(_local_date(version.created_ns)), version.index)
    return {newest[key] for key in sorted(newest, reverse=True)[:count]}


def _local_date(time_ns: int) -> date:
    return date(*time.localtime(time_ns // 1_000_000_000)[:3])


def _day(day: date) -> tuple[int, ...]:
    return (day.toordinal(),)


def _week(day: date) -> tuple[int, ...]:
    return day.isocalendar()[:2]
