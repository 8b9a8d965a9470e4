"""Push what was edited of a logged artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from msgspec import UNSET

from artfs.api.described import aliases_of, tags_of
from artfs.catalog import Version, VersionEdit, current_actor, encode_metadata
from artfs.names import LATEST, VersionRef
from artfs.store.store import Store

__all__ = ["Saved", "push"]


@dataclass(frozen=True, slots=True)
class Saved:
    """What the store said of a version when it was last looked at; edits are told from it.

    Attributes:
        version: The version.
        aliases: Its aliases.
    """

    version: Version | None = None
    aliases: tuple[str, ...] = ()


class _Edited(Protocol):
    @property
    def description(self) -> str | None: ...
    @property
    def metadata(self) -> dict[str, object]: ...
    @property
    def tags(self) -> list[str]: ...
    @property
    def aliases(self) -> Sequence[str]: ...
    @property
    def ttl_ns(self) -> int | None: ...
    @property
    def base_name(self) -> str: ...
    @property
    def saved(self) -> Saved: ...


def push(store: Store, ref: VersionRef, edited: _Edited) -> None:
    """Publish what differs from what was there; what others changed meanwhile stays.

    Raises:
        TypeError: A value of the metadata is of a wrong type.
        InvalidInputError: A value breaks a rule; nothing was published.
    """
    who = current_actor()
    before = edited.saved.version
    aliases, tags = aliases_of(edited.aliases), tuple(tags_of(edited.tags))
    metadata, description = encode_metadata(edited.metadata), edited.description or ""
    if before is not None:
        edit = VersionEdit(
            description=UNSET if description == before.description else description,
            metadata=UNSET if metadata == before.metadata else metadata,
            tags=UNSET if tags == before.tags else tags,
            ttl_ns=UNSET if edited.ttl_ns == before.ttl_ns else edited.ttl_ns,
        )
        if edit != VersionEdit():
            store.catalog.edit_version(ref, lambda now: _merged(edit, before.tags, now), who)
    for alias in aliases:
        if alias not in edited.saved.aliases:
            store.catalog.set_alias(ref, alias, who)
    dropped = [alias for alias in edited.saved.aliases if alias not in aliases and alias != LATEST]
    if dropped:
        with (
            store.catalog.view() as view
        ):  # one that was removed or moved elsewhere meanwhile is no longer this version's
            still = view.aliases_of(view.resolve(ref))
        for alias in dropped:
            if alias in still:
                store.catalog.remove_alias(ref.name, alias, who)


def _merged(edit: VersionEdit, before: Sequence[str], now: Version) -> VersionEdit:
    """The edit as it is to be made of the version as it is now: tags that others gave or took stay so."""
    if edit.tags is UNSET:
        return edit
    wanted = [tag for tag in edit.tags if tag in now.tags or tag not in before]
    others = [tag for tag in now.tags if tag not in before and tag not in wanted]
    return replace(edit, tags=(*wanted, *others))
