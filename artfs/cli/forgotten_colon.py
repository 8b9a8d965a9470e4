"""Refusal of `NAME vN` where `NAME:vN` was meant: it would take the latest version for the one that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.errors import InvalidInputError
from artfs.names import LATEST, VersionRef, quoted, version_index

if TYPE_CHECKING:
    from artfs.store import Store

__all__ = ["refuse_forgotten_colon"]


def refuse_forgotten_colon(store: Store, ref: VersionRef, word: str, command: str, otherwise: str) -> None:
    """Refuse a word behind an artifact's name that looks like one of its versions.

    Args:
        store: Has the artifact.
        ref: What is before the word; one that names a version already has its colon.
        word: The word.
        command: The beginning of a command line with the colon, which the message shows.
        otherwise: How to write it where the word was meant, as in "to write into a directory 'v5', say ./v5".

    Raises:
        InvalidInputError: It is `vN` or an alias of the artifact.
    """
    if ref.selector != LATEST or not (_is_version(word) or _is_alias(store, ref, word)):
        return
    raise InvalidInputError(
        f"{quoted(word)} after {ref.name} looks like a version: that is `{command} {ref.name}:{word}`; {otherwise}"
    )


def _is_version(word: str) -> bool:
    try:
        return version_index(word) is not None
    except InvalidInputError:  # as v05
        return True


def _is_alias(store: Store, ref: VersionRef, word: str) -> bool:
    with store.catalog.view() as view:
        artifact = view.artifact_by_name(ref.name)
        return artifact is not None and word in (row.name for row in view.aliases(artifact.serial))
