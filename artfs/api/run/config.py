"""Config and summary of a run: dictionaries that track what was changed since they were read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from artfs.api.json_objects import JsonObject
from artfs.catalog import encode_metadata, json_object, merge_metadata, to_json

__all__ = ["ConfigDict"]


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
        if name in {"_stored", "_place", "_depth", "_max_keys"}:
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
        return bool(to_json(self, self._place) != json_object(self._stored, max_keys=None))

    def merged_into(self, stored: bytes) -> bytes:
        """Apply the changes made here to what is stored now; return its canonical JSON.

        Raises:
            InvalidInputError: They are too long.
        """
        here = encode_metadata(self, max_keys=None, what=str(self._place))
        return merge_metadata(self._stored, here, stored, max_keys=None)

    def load(self, stored: bytes) -> None:
        """Replace the values by what is stored."""
        self.reload(json_object(stored, max_keys=None))
        self._stored = stored
