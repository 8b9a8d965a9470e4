"""Values that users write: durations and metadata."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.cli.arguments import DURATION, METADATA
from artfs.cli.render.output import size_text
from artfs.documents.document import duration_text
from artfs.errors import InvalidInputError

_SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90m", 5400), ("12h", 43200), ("30d", 2_592_000), ("2w", 1_209_600), ("1d12h", 129_600), ("none", 0)],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: int) -> None:
    assert DURATION.convert(text, None, None) == seconds * _SECOND


@pytest.mark.parametrize(
    "text", ["", "0s", "1", "d", "-1d", "1.5d", "1 d", "1y", "1d\n", "\u0661d", "9999999999d", "999999999w"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInputError, match="30d"):
        DURATION.convert(text, None, None)


@given(st.integers(1, 2**62 // _SECOND))
def test_a_duration_that_is_shown_can_be_given_again(seconds: int) -> None:
    text = duration_text(seconds * _SECOND)
    if len(text) <= 12:
        assert DURATION.convert(text, None, None) == seconds * _SECOND


@given(
    st.text(st.characters(exclude_characters="=", exclude_categories=["Cs"]), min_size=1),
    st.from_type(object) | st.text(),
)
def test_a_metadata_value_is_json_where_it_reads_as_json(key: str, value: object) -> None:
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return
    assert METADATA.convert(f"{key}={text}", None, None) == (key, json.loads(text))


@pytest.mark.parametrize("text", ["", "yes", "NaN", "-Infinity", "1 2", "{", "v1.2", "[" * 100_000, "1" * 5000])
def test_a_metadata_value_that_is_no_json_is_text(text: str) -> None:
    assert METADATA.convert(f"k={text}", None, None) == ("k", text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *((0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10_188, "9.9 KiB"), (10_189, "10 KiB")),
        *((1023 * 1024, "1.0 MiB"), (5 << 30, "5.0 GiB"), (1 << 60, "1024 PiB")),
    ],
)
def test_a_size_is_shown_in_two_or_three_digits(size: int, text: str) -> None:
    assert size_text(size) == text


def test_json_of_every_kind_survives_as_metadata() -> None:
    value: dict[str, Any] = {"a": [1, 2.5, None, True, {"b": "ü"}]}
    assert METADATA.convert(f"k={json.dumps(value)}", None, None) == ("k", value)
