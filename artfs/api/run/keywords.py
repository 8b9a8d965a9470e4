"""The keywords of `wandb.init` that `artfs.init` takes besides its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

from artfs.errors import InvalidInputError
from artfs.spelling import nearest

__all__ = ["WandbKeywords", "check_keywords"]


class WandbKeywords(TypedDict, total=False):
    """Keywords of `wandb.init`, by what becomes of them: kept, obeyed, without effect."""

    entity: str | None
    project: str | None
    group: str | None
    notes: str | None
    tags: Sequence[str] | str | None

    config_exclude_keys: Sequence[str] | None
    config_include_keys: Sequence[str] | None
    dir: str | os.PathLike[str] | None
    reinit: bool | Literal["default", "return_previous", "finish_previous", "create_new"] | None
    resume: bool | Literal["allow", "never", "must", "auto"] | None

    allow_val_change: bool | None
    anonymous: Any
    force: bool | None
    fork_from: str | None
    magic: Any
    mode: Literal["online", "offline", "disabled", "shared"] | None
    monitor_gym: bool | None
    resume_from: str | None
    save_code: bool | None
    settings: Any
    sync_tensorboard: bool | None
    tensorboard: bool | None


_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "mode": (None, "online", "offline", "disabled", "shared"),
    "reinit": (None, True, False, "default", "return_previous", "finish_previous", "create_new"),
    "resume": (None, True, False, "allow", "never", "must", "auto"),
}


def check_keywords(named: Mapping[str, object], own: Iterable[str]) -> None:
    """Refuse keywords that W&B does not have either, and values that it does not allow.

    Args:
        named: What was given.
        own: Names of the parameters that are no keyword of `WandbKeywords`.

    Raises:
        TypeError: There is no such keyword.
        InvalidInputError: A keyword has another value than those that it can have.
    """
    known = [*own, *WandbKeywords.__annotations__]
    for word in named:
        if word not in known:
            meant = nearest(word, known)
            hint = f": did you mean {meant!r}?" if meant else ""
            raise TypeError(f"init() got an unexpected keyword argument {word!r}{hint}")
    for word, allowed in _CHOICES.items():
        if named.get(word) not in allowed:
            choices = ", ".join(repr(each) for each in allowed if isinstance(each, str))
            raise InvalidInputError(f"{word}={named[word]!r} is not allowed: use one of {choices}")
