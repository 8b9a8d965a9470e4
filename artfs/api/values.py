"""The config and the summary of a run: dictionaries that know what was changed of them since they were read."""

from __future__ import annotations

from typing import Any

from artfs.catalog import decode_metadata, encode_metadata

__all__ = ["Values"]


class Values(dict[str, Any]):
    """A JSON object, whose keys are attributes too: `run.config.lr` is `run.config["lr"]`.

    Args:
        stored: Canonical JSON of what is stored.
    """

    __slots__ = ("_stored",)

    def __init__(self, stored: bytes) -> None:
        super().__init__(decode_metadata(stored, max_keys=None))
        self._stored = stored

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no value {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_stored":
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"there is no value {name!r}") from None

    @property
    def changed(self) -> bool:
        """Whether they differ from what was stored when they were read.

        Raises:
            TypeError: A value is of a type that JSON cannot express.
            InvalidInputError: A value is not allowed.
        """
        return encode_metadata(self, max_keys=None) != self._stored

    def over(self, stored: bytes) -> bytes:
        """The canonical JSON of what is stored now with the changes made here, and nothing else changed."""
        before = decode_metadata(self._stored, max_keys=None)
        here = decode_metadata(encode_metadata(self, max_keys=None), max_keys=None)
        now = decode_metadata(stored, max_keys=None)
        for key in before.keys() - here.keys():
            now.pop(key, None)
        now.update({key: value for key, value in here.items() if key not in before or before[key] != value})
        return encode_metadata(now, max_keys=None)

    def reload(self, stored: bytes) -> None:
        """Become what is stored."""
        self.clear()
        self.update(decode_metadata(stored, max_keys=None))
        self._stored = stored
