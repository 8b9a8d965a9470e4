"""Values of Python as JSON: what config, summary and metadata keep of each.

| value | kept as |
|---|---|
| None, booleans, numbers, text, also of subclasses | themselves |
| an infinite number | `{"$numberDouble": "Infinity"}` or `"-Infinity"`, read back as the number |
| NaN | null |
| an enum | its value |
| a path, a UUID, a Decimal, a dtype or device of numpy or torch | its text |
| a date or time | ISO 8601 |
| a timedelta | seconds |
| a mapping, a dataclass, a Namespace, a model of pydantic | an object; keys become text as `json.dumps` makes it |
| a slice | an object of its `slice_start`, `slice_stop` and `slice_step`, as W&B keeps it |
| a sequence, a range, a set | an array, of a set sorted |
| what has `tolist` or `numpy`: arrays, tensors, their scalars | what that gives |

Anything else is refused. The form of infinite numbers is that of MongoDB's Extended JSON.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

from artfs.errors import InvalidInputError

__all__ = ["MAX_METADATA_DEPTH", "Json", "Place", "attributes_of", "float_of", "place_words", "restored", "to_json"]

Json: TypeAlias = Any
"""None, a boolean, a finite number, text, a list or a dictionary of these with text keys."""

Place: TypeAlias = str | tuple[Any, object]
"""The place of a value, for messages: a name, or a place and a key or index in it."""

MAX_METADATA_DEPTH: Final = 64
_MAX_BITS: Final = 8192  # fewer digits than Python reads

_NUMBER: Final = "$numberDouble"
_FLOATS: Final = {"Infinity": math.inf, "-Infinity": -math.inf}


def to_json(value: object, place: Place, depth: int = 0) -> Json:
    """Return what is kept of a value; no reference to it is.

    Args:
        value: Any value.
        place: Its place, for messages.
        depth: The number of lists and objects around it.

    Raises:
        TypeError: JSON cannot express it.
        InvalidInputError: It is nested too deeply, too large a number, or no Unicode.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(str.__str__(value), place)
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise InvalidInputError(f"{place_words(place)} is too large a number: at most {_MAX_BITS} bits are allowed")
        return int(value)
    if isinstance(value, float):
        return _number(float(value))
    if depth >= MAX_METADATA_DEPTH:
        raise InvalidInputError(
            f"{place_words(place)} is nested too deeply: at most {MAX_METADATA_DEPTH} levels are allowed"
        )
    if isinstance(value, Mapping):
        return _object(value, place, depth)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [to_json(item, (place, number), depth + 1) for number, item in enumerate(value)]
    if isinstance(value, AbstractSet):
        return sorted((to_json(item, (place, item), depth + 1) for item in value), key=json.dumps)
    return to_json(_simpler(value, place), place, depth + 1)


def restored(value: Json) -> Json:
    """Return a JSON value with infinite numbers as numbers."""
    if isinstance(value, dict):
        number = float_of(value)
        return {key: restored(item) for key, item in value.items()} if number is None else number
    return [restored(item) for item in value] if isinstance(value, list) else value


def float_of(value: dict[str, Json]) -> float | None:
    """Return the number that an object stands for; None if it is one for itself."""
    text = value.get(_NUMBER)
    return _FLOATS.get(text) if isinstance(text, str) and len(value) == 1 else None


def attributes_of(value: object) -> Mapping[str, object] | None:
    """Return the fields of a dataclass, a Namespace or a model of pydantic; None of anything else."""
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, SimpleNamespace) or _is_of(value, {"argparse"}, {"Namespace"}):
        return vars(value)
    if _is_of(value, {"pydantic.main"}, {"BaseModel"}):
        return {name: getattr(value, name) for name in type(value).model_fields}  # type: ignore[attr-defined] # known by its class, without importing pydantic
    return None


def _object(value: Mapping[Any, object], place: Place, depth: int) -> dict[str, Json]:
    kept = {_key(key, place): to_json(item, (place, key), depth + 1) for key, item in value.items()}
    if len(kept) != len(value):
        raise InvalidInputError(f"{place_words(place)} has two keys that are the same as text: rename one")
    return kept


def _key(key: object, place: Place) -> str:
    plain = to_json(key, (place, key))
    if isinstance(plain, str):
        return plain
    if isinstance(plain, list | dict):
        raise TypeError(f"{place_words(place)} has the key {key!r}: keys must be text or numbers")
    return json.dumps(plain)


def _simpler(value: object, place: Place) -> object:
    """Return what stands for a value that is no JSON, one step nearer to it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if (plain := _plain(value)) is not None:
        return plain
    if _is_of(value, {"uuid", "decimal", "numpy", "torch"}, {"UUID", "Decimal", "dtype", "device"}):
        return str(value)
    if (fields := attributes_of(value)) is not None:
        return fields
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    for name in ("tolist", "numpy"):
        method = None if isinstance(value, type | memoryview) else getattr(value, name, None)
        if not callable(method):
            continue
        try:
            if kind == "M":
                return value.astype(str).tolist()  # type: ignore[attr-defined] # dates of numpy, which are numbers else
            if kind == "m":
                return value.astype("timedelta64[us]").tolist()  # type: ignore[attr-defined] # of numpy, which is not imported
            return method()
        except Exception as error:
            raise TypeError(
                f"{place_words(place)} is a {type(value).__name__} that gives no values: {error}"
            ) from error
    raise TypeError(f"{place_words(place)} is a {type(value).__name__}, which JSON cannot express")


def _plain(value: object) -> object | None:
    """Return what stands for a date, a time, a timedelta or a slice; None of anything else."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, slice):
        return {"slice_start": value.start, "slice_stop": value.stop, "slice_step": value.step}
    return None


def _is_of(value: object, modules: set[str], names: set[str]) -> bool:
    """Return True if a value is of one of some classes, whose modules may not be loaded."""
    return any(base.__module__ in modules and base.__name__ in names for base in type(value).__mro__)


def _text(text: str, place: Place) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"{place_words(place)} holds text that is not Unicode") from error
    return text


def _number(value: float) -> Json:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else {_NUMBER: "Infinity" if value > 0 else "-Infinity"}


def place_words(place: Place) -> str:
    """Return a place in words: `config['layers'][2]`."""
    keys = []
    while isinstance(place, tuple):
        place, key = place
        keys.append(f"[{key!r}]")
    return place + "".join(reversed(keys))
