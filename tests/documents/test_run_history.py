"""Curves of a run's history: few points, and none of the peaks is lost."""

from __future__ import annotations

import math

from artfs.documents.run_history import curves


def test_a_curve_has_at_most_the_points_that_are_asked_for_with_its_ends_and_peaks() -> None:
    rows = [
        {"_step": step, "_runtime": step / 10, "_timestamp": 0.0, "loss": 50.0 if step == 613 else 1.0}
        for step in range(1000)
    ]
    (curve,) = curves(rows, 40)["curves"]
    assert curve["key"] == "loss"
    assert len(curve["points"]) <= 40
    assert (613, 61.3, 50.0) in curve["points"]
    assert [curve["points"][end][0] for end in (0, -1)] == [0, 999]
    assert curves(rows, 1000)["curves"][0]["points"] == [(row["_step"], row["_runtime"], row["loss"]) for row in rows]


def test_only_finite_numbers_are_drawn_and_two_hundred_values_at_most() -> None:
    row = {"_step": 0, "_runtime": 0.0, "text": "a", "nan": math.nan, "inf": math.inf, "list": [1]}
    assert curves([row], 10) == {"curves": [], "left_out": 0}
    many = curves([row | {f"value{number:03}": number for number in range(203)}], 10)
    assert (len(many["curves"]), many["left_out"]) == (200, 3)
