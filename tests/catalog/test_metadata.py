"""Metadata is a JSON object, kept canonical."""

from __future__ import annotations

import json
import math
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.catalog import decode_metadata, encode_metadata
from artfs.catalog.metadata import MAX_METADATA_BYTES, MAX_METADATA_DEPTH
from artfs.errors import InvalidInputError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


class Scalar:
    """What a numpy scalar or array offers."""

    def __init__(self, value: object) -> None:
        self.value = value

    def tolist(self) -> object:
        return self.value


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_metadata_comes_back_as_it_was_given(metadata: dict[str, object]) -> None:
    data = encode_metadata(metadata)
    assert decode_metadata(data) == metadata
    assert encode_metadata(dict(reversed(metadata.items()))) == data, "equal metadata must be equal bytes"


def test_canonical_metadata_is_sorted_compact_and_readable() -> None:
    assert encode_metadata({"b": [1, 2.5], "a": {"ü": None}}) == '{"a":{"ü":null},"b":[1,2.5]}'.encode()
    assert encode_metadata({}) == b"{}"


def test_not_a_number_becomes_null_at_any_depth() -> None:
    assert encode_metadata({"a": math.nan, "b": [{"c": math.nan}]}) == b'{"a":null,"b":[{"c":null}]}'


@pytest.mark.parametrize(("infinity", "text"), [(math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_infinite_numbers_are_kept_as_json_has_them_and_come_back_as_numbers(infinity: float, text: str) -> None:
    data = encode_metadata({"a": [0, Scalar(infinity)], "text": "Infinity"})
    assert json.loads(data) == {"a": [0, {"$numberDouble": text}], "text": "Infinity"}
    assert decode_metadata(data) == {"a": [0, infinity], "text": "Infinity"}


def test_what_numpy_gives_is_taken() -> None:
    assert encode_metadata({"a": Scalar([1, 2.0]), "b": Scalar(3)}) == b'{"a":[1,2.0],"b":3}'


def test_subclasses_of_plain_types_are_stored_as_plain_types() -> None:
    class Level(int):
        def __repr__(self) -> str:
            return "Level"

    assert encode_metadata(OrderedDict(a=Level(3), b=(1, True))) == b'{"a":3,"b":[1,true]}'


def test_a_hundred_top_level_keys_are_allowed_and_one_more_is_not() -> None:
    encode_metadata({str(n): {str(m): m for m in range(200)} for n in range(100)})
    with pytest.raises(InvalidInputError, match="101 top-level keys: at most 100"):
        encode_metadata({str(n): n for n in range(101)})


@pytest.mark.parametrize(
    "value", [[1], "text", None, {"a": object()}, {"a": 1j}, {"a": b"bytes"}, {(1, 2): "a"}, {"a": {b"x": 3}}]
)
def test_a_value_of_a_wrong_type_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        encode_metadata(value)  # type: ignore[arg-type]  # that is the point


def test_nesting_has_an_end() -> None:
    deep: list[object] = []
    for _ in range(MAX_METADATA_DEPTH - 2):
        deep = [deep]
    assert decode_metadata(encode_metadata({"a": deep})) == {"a": deep}
    with pytest.raises(InvalidInputError, match="nested too deeply"):
        encode_metadata({"a": [deep]})
    with pytest.raises(InvalidInputError):
        decode_metadata(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(InvalidInputError, match="nested too deeply"):
        encode_metadata({"a": endless})


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not Unicode"):
        encode_metadata({"a": "\ud800"})


def test_metadata_without_end_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="too long"):
        encode_metadata({"a": "x" * MAX_METADATA_BYTES})


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1e999}', b"\xff"]
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        decode_metadata(data)


def test_what_was_given_can_change_afterwards_without_harm() -> None:
    given_: dict[str, object] = {"a": [1]}
    data = encode_metadata(given_)
    given_["a"] = 2
    first = decode_metadata(data)
    first["a"] = 3
    assert decode_metadata(data) == json.loads(data) == {"a": [1]}
