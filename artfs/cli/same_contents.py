"""Versions with the same contents: what a command says that was to make one, or has made one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from artfs.cli.render.output import print_note

if TYPE_CHECKING:
    from artfs.catalog import Version, View

__all__ = ["note_same_contents", "same_version_before"]


def same_version_before(view: View, version: Version) -> str | None:
    """Return the reference of the version before a new one, if it has the same contents."""
    earlier = (each for each in view.versions(version.artifact, newest_first=True) if each.index < version.index)
    before = next(earlier, None)
    return str(view.ref(before)) if before is not None and before.digest == version.digest else None


def note_same_contents(
    ref: str, *, description: str, meta: Sequence[Any], tags: Sequence[str], ttl: int | None
) -> None:
    """Print that no version was made, and which options changed nothing.

    Args:
        ref: The version that is there; it has the aliases now.
        description: Of `-m`; empty: not given.
        meta: Of `--meta`.
        tags: Of `--tag`.
        ttl: Of `--ttl`.
    """
    given = {"-m": description, "--meta": meta, "--tag": tags, "--ttl": ttl}
    unused = " and ".join(option for option, value in given.items() if value)
    more = f", and {unused} changed nothing (`artfs edit` and `artfs tag` change {ref})" if unused else ""
    print_note(f"{ref} has the same contents: no other version was made{more}")
