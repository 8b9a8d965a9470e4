"""`Closing`: a base class of context managers that are closed at the end of their block."""

from __future__ import annotations

from typing import Self

__all__ = ["Closing"]


class Closing:
    """A context manager that gives itself, and is closed at the end of its block."""

    def close(self) -> None:
        """Release what the object holds; each class says what that is."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
