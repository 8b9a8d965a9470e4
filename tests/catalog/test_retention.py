"""Rules of retention: a table of cases, and random histories against a naive model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.catalog.retention import RetainedVersion, RetentionRules, kept_by

DAY = 86_400
NOON_S = int(time.mktime((2026, 3, 18, 12, 0, 0, 0, 0, -1)))
"""A Wednesday, in local time (seconds)."""


@dataclass(frozen=True)
class Made:
    index: int
    created_ns: int
    tags: tuple[str, ...] = ()


def versions_to_delete(
    versions: Iterable[RetainedVersion],
    rules: RetentionRules,
    now_ns: int,
    aliases: Mapping[int, list[str]] | None = None,
) -> list[int]:
    return [index for index, why in kept_by(versions, rules, now_ns, aliases=aliases).items() if not why]


def at(index: int, days_ago: float, *tags: str) -> Made:
    return Made(index, (NOON_S - int(days_ago * DAY)) * 10**9, tags)


NOW = at(0, 0).created_ns + 1
HISTORY = [
    at(0, 40, "gold"),
    at(1, 21),
    at(2, 14, "gold", "old"),
    at(3, 7),
    at(4, 2),
    at(5, 1.1),
    at(6, 1),
    at(7, 0.1),
    at(8, 0, "new"),
]

CASES: dict[str, tuple[RetentionRules, list[int]]] = {
    "no rule at all keeps the newest": (RetentionRules(), [0, 1, 2, 3, 4, 5, 6, 7]),
    "the last three": (RetentionRules(keep_last=3), [0, 1, 2, 3, 4, 5]),
    "more than there are": (RetentionRules(keep_last=100), []),
    "one of each of two days": (RetentionRules(keep_daily=2), [0, 1, 2, 3, 4, 5, 7]),
    "days without versions do not count": (RetentionRules(keep_daily=4), [0, 1, 2, 5, 7]),
    "one of each of three weeks": (RetentionRules(keep_weekly=3), [0, 1, 4, 5, 6, 7]),
    "a tag": (RetentionRules(keep_tags=frozenset({"gold"})), [1, 3, 4, 5, 6, 7]),
    "one of two tags": (RetentionRules(keep_tags=frozenset({"old", "none"})), [0, 1, 3, 4, 5, 6, 7]),
    "what any of several rules keeps": (RetentionRules(keep_last=2, keep_daily=3, keep_weekly=3), [0, 1, 5]),
    "older than a week": (RetentionRules(older_than_ns=7 * DAY * 10**9), [0, 1, 2, 3]),
    "older than all": (RetentionRules(older_than_ns=400 * DAY * 10**9), []),
    "without tags": (RetentionRules(untagged=True), [1, 3, 4, 5, 6, 7]),
    "old ones without tags but the last of each week": (
        RetentionRules(untagged=True, older_than_ns=DAY * 10**9, keep_weekly=2),
        [1, 4, 5, 6],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_rules_let_go_what_no_rule_keeps(case: str) -> None:
    rules, expected = CASES[case]
    assert versions_to_delete(HISTORY, rules, NOW) == expected
    assert versions_to_delete(reversed(HISTORY), rules, NOW) == expected


def test_what_has_an_alias_stays_and_counts_all_the_same() -> None:
    assert versions_to_delete(HISTORY, RetentionRules(keep_last=2), NOW, {1: ["a"], 4: ["b"]}) == [0, 2, 3, 5, 6]


def test_of_each_version_all_that_keeps_it_is_told() -> None:
    rules = RetentionRules(7 * DAY * 10**9, True, 2, 3, 2, frozenset({"gold"}))
    assert kept_by(HISTORY, rules, NOW, aliases={2: ["best", "old"]}) == {
        0: ("tag gold", "tagged"),
        1: (),
        2: ("tag gold", "alias best", "alias old", "tagged"),
        3: ("keep-weekly",),
        4: ("keep-daily", "not older"),
        5: ("not older",),
        6: ("keep-daily", "not older"),
        7: ("keep-last", "not older"),
        8: ("newest", "keep-last", "keep-daily", "keep-weekly", "not older", "tagged"),
    }


def test_rules_never_take_the_newest_version() -> None:
    old = RetentionRules(older_than_ns=1, untagged=True)
    assert versions_to_delete([at(3, 90)], old, NOW) == []
    assert versions_to_delete([], old, NOW) == []


def test_an_imported_version_counts_for_the_day_when_it_was_made() -> None:
    """It may have a higher index than versions that are younger."""
    mixed = [at(0, 1), at(1, 0), at(2, 5)]
    assert versions_to_delete(mixed, RetentionRules(keep_daily=1), NOW) == [0]
    assert versions_to_delete(mixed, RetentionRules(keep_last=2), NOW) == [0]


def newest_per(versions: list[Made], period: Callable[[Made], object], count: int) -> set[int]:
    """The naive way: walk back in time, and take the highest index of each period until there are enough."""
    taken: list[object] = []
    kept = set()
    for version in sorted(versions, key=lambda one: -one.created_ns):
        if period(version) not in taken and len(taken) < count:
            taken.append(period(version))
            kept.add(max(one.index for one in versions if period(one) == period(version)))
    return kept


def local_day(version: Made) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(version.created_ns // 10**9))


def local_week(version: Made) -> str:
    return time.strftime("%G-%V", time.localtime(version.created_ns // 10**9))


COUNTS = st.integers(0, 4)


@given(
    made=st.lists(st.tuples(st.floats(0, 60), st.sampled_from([(), ("a",), ("b",), ("a", "b")])), max_size=12),
    rules=st.builds(
        RetentionRules,
        older_than_ns=st.none() | st.integers(0, 60).map(lambda days: days * DAY * 10**9),
        untagged=st.booleans(),
        keep_last=COUNTS,
        keep_daily=COUNTS,
        keep_weekly=COUNTS,
        keep_tags=st.frozensets(st.sampled_from("ab")),
    ),
    protected=st.sets(st.integers(0, 11)),
)
def test_random_histories_keep_what_a_naive_model_keeps(
    made: list[tuple[float, tuple[str, ...]]],
    rules: RetentionRules,
    protected: set[int],
) -> None:
    versions = [at(index, days, *tags) for index, (days, tags) in enumerate(made)]
    daily, weekly = (
        newest_per(versions, local_day, rules.keep_daily),
        newest_per(versions, local_week, rules.keep_weekly),
    )
    expected = []
    for version in versions:
        newer = len(versions) - 1 - version.index
        is_kept = (
            newer == 0
            or newer < rules.keep_last
            or version.index in daily | weekly | protected
            or any(tag in rules.keep_tags for tag in version.tags)
            or (rules.older_than_ns is not None and NOW - version.created_ns <= rules.older_than_ns)
            or (rules.untagged and version.tags != ())
        )
        if not is_kept:
            expected.append(version.index)
    assert versions_to_delete(versions, rules, NOW, {index: ["best"] for index in protected}) == expected
