"""The order of writes and of collecting loses nothing in random histories, and each of its rules is needed.

`scripts/torture remote-model` plays 20,000 a round.
"""

from __future__ import annotations

import pytest

from tests.support.models.remotemodel import LostError, Rule, play


def test_no_random_history_of_writers_collectors_and_sweepers_loses_anything() -> None:
    assert sum(play(seed) for seed in range(500)) > 20_000


@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.name.lower())
def test_without_any_one_of_the_rules_some_history_loses_data(rule: Rule) -> None:
    def loses(seed: int) -> bool:
        try:
            play(seed, without=rule)
        except LostError:
            return True
        return False

    assert any(loses(seed) for seed in range(1000))
