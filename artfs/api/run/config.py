"""Config and summary of a run: dictionaries that track what was changed since they were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from artfs.api.about_run import ABOUT
from artfs.api.json_objects import JsonObject
from artfs.api.run.config_values import config_values
from artfs.catalog import encode_metadata, json_object, merge_metadata, to_json

__all__ = ["ConfigDict", "RunConfig"]


class ConfigDict(JsonObject):
    """A JSON object, whose keys are attributes too: `run.config.lr` is `run.config["lr"]`.

    Args:
        stored: Canonical JSON of what is stored.
        what: Its name, for messages.
    """

    __slots__ = ("_stored",)

    def __init__(self, stored: bytes, what: str) -> None:
        super().__init__(json_object(stored, max_keys=None), what)
        self._stored = stored

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no value {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in {"_stored", "_about", "_place", "_depth", "_max_keys"}:
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"there is no value {name!r}") from None

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Pickle and copy it with its values, which are then nobody's config."""
        return ConfigDict, (encode_metadata(self, max_keys=None), self._place)

    @property
    def changed(self) -> bool:
        """True if the values differ from those that were stored when they were read."""
        return bool(to_json(self._whole(), self._place) != json_object(self._stored, max_keys=None))

    def merged_into(self, stored: bytes) -> bytes:
        """Apply the changes made here to what is stored now; return its canonical JSON.

        Raises:
            InvalidInputError: They are too long.
        """
        here = encode_metadata(self._whole(), max_keys=None, what=str(self._place))
        return merge_metadata(self._stored, here, stored, max_keys=None)

    def load(self, stored: bytes) -> None:
        """Replace the values by what is stored."""
        self.reload(json_object(stored, max_keys=None))
        self._stored = stored

    def _whole(self) -> Mapping[str, Any]:
        """Return all that is stored of it."""
        return self


class RunConfig(ConfigDict):
    """The config of a run. What its stored form has under `ABOUT` is no value of it.

    Args:
        stored: Canonical JSON of what is stored.
    """

    __slots__ = ("_about",)

    def __init__(self, stored: bytes) -> None:
        super().__init__(stored, "config")
        self._about = _attributes(self.pop(ABOUT, None))

    @property
    def about_run(self) -> dict[str, Any]:
        """The run's own attributes, to change in place."""
        about: dict[str, Any] = self._about
        return about

    def update(self, *others: Any, allow_val_change: bool | None = None, **named: Any) -> None:
        """Assign several values; all that can be kept are, also when one is refused.

        Args:
            others: Mappings, or what `artfs.init` takes as a config.
            allow_val_change: Without effect: a value may always be changed.
            named: Further values.

        Raises:
            TypeError: JSON cannot express one of them.
            InvalidInputError: One of them is not allowed.
        """
        del allow_val_change
        super().update({key: value for other in others for key, value in _items(other)}, **named)

    def setdefaults(self, values: object) -> None:
        """Assign the values whose keys are not there yet."""
        self.update({key: value for key, value in config_values(values).items() if key not in self})

    def load(self, stored: bytes) -> None:
        """Replace the values by what is stored."""
        values = json_object(stored, max_keys=None)
        self._about = _attributes(values.pop(ABOUT, None))
        self.reload(values)
        self._stored = stored

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return RunConfig, (encode_metadata(self._whole(), max_keys=None),)

    def _whole(self) -> Mapping[str, Any]:
        return {**self, ABOUT: self._about} if self._about else self


def _attributes(stored: object) -> JsonObject:
    return JsonObject(stored if isinstance(stored, dict) else {}, ABOUT)


def _items(values: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(values, Iterable) and not isinstance(values, str | Mapping):
        return values  # pairs, as `dict.update` takes them
    return config_values(values).items()
