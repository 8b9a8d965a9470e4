"""What needs a logged artifact, and what a draft: said once, as decorators that check before they look at arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from artfs.errors import ArtifactFinalizedError, ArtifactNotLoggedError

__all__ = ["draft_only", "logged_only"]

P = ParamSpec("P")
R = TypeVar("R")


class _Stateful(Protocol):
    @property
    def name(self) -> str: ...

    def is_draft(self) -> bool: ...

    def is_finalized(self) -> bool: ...


S = TypeVar("S", bound=_Stateful)


def logged_only(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Refuse a method or getter of a draft.

    Raises:
        ArtifactNotLoggedError: The artifact is not logged.
    """

    @wraps(method)
    def checked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.is_draft():
            raise ArtifactNotLoggedError(f"artifact {self.name} has no {method.__name__} yet: log it first")
        return method(self, *args, **kwargs)

    return checked


def draft_only(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Refuse a method of an artifact whose contents are final.

    Raises:
        ArtifactFinalizedError: The artifact is logged, or `finalize` was called.
    """

    @wraps(method)
    def checked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.is_finalized():
            raise ArtifactFinalizedError(
                f"artifact {self.name} is final, {method.__name__} would change it: begin a new_draft()"
            )
        return method(self, *args, **kwargs)

    return checked
