"""Dictionaries and lists that hold what is stored: config and summary of runs, metadata of artifacts.

What is assigned anywhere in them is replaced at once by what is kept of it (`artfs.catalog.json_values`), and refused
there if nothing can be. So what they hold can always be stored, up to its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, Final, Self, SupportsIndex

from artfs.catalog import Json, Place, check_key_count, encode_value, float_of, to_json
from artfs.errors import InvalidInputError

__all__ = ["JsonList", "JsonObject"]

_KEPT_AS_THEY_ARE: Final = frozenset({float, bool})
_REFUSED: Final = (TypeError, InvalidInputError)


class JsonObject(dict[str, Any]):
    """A JSON object.

    Args:
        values: What is in it, as JSON.
        place: Its place, for messages.
        depth: The number of lists and objects around it.
        max_keys: The most keys; None: any number.
    """

    __slots__ = ("_depth", "_max_keys", "_place")

    def __init__(self, values: Mapping[str, Json], place: Place, depth: int = 0, max_keys: int | None = None) -> None:
        self._place, self._depth, self._max_keys = place, depth, max_keys
        super().__init__({key: _holding(value, (place, key), depth + 1) for key, value in values.items()})

    def __setitem__(self, key: str, value: object) -> None:
        if type(value) in _KEPT_AS_THEY_ARE and key in self and type(key) is str and isfinite(value):  # type: ignore[arg-type] # one of these types
            super().__setitem__(key, value)  # the value of a metric, set at each step
            return
        ((name, kept),) = to_json({key: value}, self._place, self._depth).items()
        if name not in self:
            check_key_count(len(self) + 1, self._max_keys, str(self._place))
        encode_value(kept, (self._place, name))  # a value that is too long is refused before it costs others
        super().__setitem__(name, _holding(kept, (self._place, name), self._depth + 1))

    def update(self, *others: Any, **named: Any) -> None:
        """Assign several values; all that can be kept are, also when one is refused.

        Raises:
            TypeError: JSON cannot express one of them.
            InvalidInputError: One of them is not allowed.
        """
        refused: list[TypeError | InvalidInputError] = []
        for key, value in dict(*others, **named).items():
            try:
                self[key] = value
            except _REFUSED as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc] # as `update` takes it
        self.update(other)
        return self

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, which is assigned first if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def reload(self, values: Mapping[str, Json]) -> None:
        """Replace the values by others; a list or object that is the same stays the object that it is."""
        for key in self.keys() - values.keys():
            del self[key]
        for key, value in values.items():
            if key not in self or to_json(self[key], (self._place, key), self._depth + 1) != value:
                self[key] = value

    def as_dict(self) -> dict[str, Any]:
        """Return a copy made of plain dictionaries and lists."""
        return {key: _plain(value) for key, value in self.items()}

    def copy(self) -> dict[str, Any]:
        """Return a copy made of plain dictionaries and lists."""
        return self.as_dict()

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Pickle and copy it as a plain dictionary."""
        return dict, (self.as_dict(),)


class JsonList(list[Any]):
    """A JSON array.

    Args:
        values: What is in it, as JSON.
        place: Its place, for messages.
        depth: The number of lists and objects around it.
    """

    __slots__ = ("_depth", "_place")

    def __init__(self, values: Iterable[Json], place: Place, depth: int) -> None:
        self._place, self._depth = place, depth
        super().__init__(_holding(value, (place, number), depth + 1) for number, value in enumerate(values))

    def __setitem__(self, at: Any, value: Any) -> None:
        if isinstance(at, slice):
            super().__setitem__(at, self._kept(value))
        else:
            super().__setitem__(at, self._kept([value])[0])

    def append(self, value: Any) -> None:
        """Append a value."""
        super().append(self._kept([value])[0])

    def extend(self, values: Iterable[Any]) -> None:
        """Append values; none if one is refused."""
        super().extend(self._kept(values))

    def insert(self, at: SupportsIndex, value: Any) -> None:
        """Insert a value."""
        super().insert(at, self._kept([value])[0])

    def __iadd__(self, values: Iterable[Any]) -> Self:  # type: ignore[misc] # as `extend` takes it
        self.extend(values)
        return self

    def copy(self) -> list[Any]:
        """Return a copy made of plain dictionaries and lists."""
        return [_plain(value) for value in self]

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Pickle and copy it as a plain list."""
        return list, (self.copy(),)

    def _kept(self, values: Iterable[Any]) -> list[Any]:
        place = (self._place, len(self))
        depth = self._depth + 1
        return [_holding(to_json(value, place, depth), place, depth) for value in list(values)]


def _holding(value: Json, place: Place, depth: int) -> Any:
    """Return what holds a JSON value."""
    if isinstance(value, dict):
        number = float_of(value)
        return JsonObject(value, place, depth) if number is None else number
    return JsonList(value, place, depth) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, JsonObject):
        return value.as_dict()
    return value.copy() if isinstance(value, JsonList) else value
