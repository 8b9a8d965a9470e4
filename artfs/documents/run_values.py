"""Values of runs by the names of columns: `config.model.layers`, `summary.loss`, `started`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, Final

import msgspec

from artfs.errors import InvalidInputError

if TYPE_CHECKING:
    from artfs.catalog import Run

__all__ = ["RunFilter", "column_names", "sorted_runs"]

_CONDITION: Final = re.compile(r"([^<>=!~]+?)(<=|>=|!=|=|<|>|~)(.*)\Z", re.DOTALL)
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
_BASE: Final[Mapping[str, Callable[[Run], Any]]] = {
    "name": lambda run: run.fields.name or run.id,
    "state": lambda run: run.state,
    "job_type": lambda run: run.fields.job_type,
    "started": lambda run: run.started_ns,
    "took": lambda run: None if run.ended_ns is None else run.ended_ns - run.started_ns,
}


@lru_cache(maxsize=50_000)
def _flat(part: str, stored: bytes) -> Mapping[str, Any]:
    """Return the values of a stored JSON object, those of objects in it by the names with dots."""
    return dict(_leaves(f"{part}.", msgspec.json.decode(stored)))


def _leaves(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(f"{prefix}{key}.", value)
        else:
            yield prefix + key, value


def column_names(runs: Iterable[Run]) -> list[str]:
    """Return the names of all values of summaries and configs, the summaries' first."""
    names = {name for run in runs for part in _parts(run) for name in part}
    return sorted(names, key=lambda name: (not name.startswith("summary."), name))


def _parts(run: Run) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return _flat("summary", run.fields.summary), _flat("config", run.fields.config)


def _value(run: Run, column: str) -> Any:
    """Return a value of a run; None if it has none. `lr` is any value whose name ends so."""
    base = _BASE.get(column)
    if base is not None:
        return base(run)
    for part in _parts(run):
        if column in part:
            return part[column]
    ending = f".{column}"
    return next((value for part in _parts(run) for name, value in part.items() if name.endswith(ending)), None)


def sorted_runs(runs: Iterable[Run], order: str) -> list[Run]:
    """Return runs in the order of a column, with `-` before it from the highest; those without a value come last."""
    name = order.removeprefix("-")
    keys = [(run, _sort_key(run, name)) for run in runs]
    known = [(run, key) for run, key in keys if key is not None]
    known.sort(key=lambda each: each[1], reverse=order.startswith("-"))
    return [run for run, _key in known] + [run for run, key in keys if key is None]


def _sort_key(run: Run, column: str) -> tuple[int, Any] | None:
    """Return what runs are sorted by: numbers before texts; None if a run does not have it."""
    value = _value(run, column)
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return 0, value
    return 1, value if isinstance(value, str) else msgspec.json.encode(value).decode()


class RunFilter:
    """A filter as people write it: texts of the name, and conditions (`lr=0.1`, `accuracy>0.9`, `command~adam`).

    Args:
        text: Words, separated by commas or spaces; a run is taken that all of them choose.

    Raises:
        InvalidInputError: A condition has nothing to compare with.
    """

    def __init__(self, text: str) -> None:
        self._words: list[str] = []
        self._conditions: list[tuple[str, str, str]] = []
        for word in re.split(r"[,\s]+", text.strip()):
            match = _CONDITION.match(word)
            if match is None:
                self._words.append(word.lower())
            elif not match[3]:
                raise InvalidInputError(f"{match[1]}{match[2]} lacks what it is compared with, as in lr=0.1")
            else:
                self._conditions.append((match[1], match[2], match[3]))

    def takes(self, run: Run) -> bool:
        """Return whether it chooses a run."""
        named = f"{run.fields.name} {run.id}".lower()
        return all(word in named for word in self._words) and all(
            _holds(_value(run, column), operator, wanted) for column, operator, wanted in self._conditions
        )


def _holds(value: Any, operator: str, wanted: str) -> bool:
    """Compare as numbers if both are, else as texts; what a run does not have is not equal to anything."""
    if value is None:
        return operator == "!="
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if operator == "~":
        return wanted.lower() in shown.lower()
    compare = _OPERATORS[operator]
    try:
        return compare(float(value), float(wanted)) if not isinstance(value, bool) else compare(shown, wanted)
    except (TypeError, ValueError):
        return compare(shown, wanted)
