"""Salvage of a draft whose redo log was damaged in its middle.

What is sound behind the damage was replayed, without what was lost. So rows may contradict each other, and a change may
not be marked as one. Everything is one record of the log: a draft is salvaged, or not yet.

- Numbers go on behind all that a lost record can have given.
- All that has a row counts as changed: the next commit looks at it.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from artfs.drafts.data.data_files import DataFiles
from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.schema import (
    META_DAMAGE,
    META_STATE,
    DraftDamage,
    decode_state,
    dirty_dentry_key,
    dirty_inode_key,
    encode_row,
)
from artfs.drafts.namespace.inodes import BaseTree
from artfs.drafts.namespace.transaction import IDS_RESERVED
from artfs.drafts.salvage.contents import ContentSalvage
from artfs.drafts.salvage.names import NameSalvage

__all__ = ["salvage"]

_SMALLEST_RECORD: Final = 28


def salvage(database: DraftDatabase, files: DataFiles, base: BaseTree, owner: tuple[int, int]) -> DraftDamage | None:
    """Make the rows of a damaged draft consistent, if that was not done; return the damage, None if there is none.

    Args:
        database: The draft's rows.
        files: Its data files.
        base: The tree under it.
        owner: User and group of what is made.

    Raises:
        IntegrityError: Its rows are damaged too.
        OSError: The disk said no; nothing has changed.
    """
    damage = database.damage()
    if damage is None or damage.salvaged:
        return damage
    lost = 1 + sum(end - start for _epoch, start, end in damage.lost) // _SMALLEST_RECORD
    state = decode_state(database.get(META_STATE) or b"")
    given = lost * IDS_RESERVED
    first_ino, first_cookie = state.next_ino + given, state.next_cookie + given
    names = NameSalvage(database, base, owner, first_ino, first_cookie)
    contents = ContentSalvage(database, files, names.inodes)
    counters = replace(
        state,
        generation=state.generation + lost,
        next_ino=first_ino + 1,
        next_data=state.next_data + given,
        next_cookie=first_cookie + len(names.nameless) + 1,
    )
    salvaged = replace(damage, salvaged=True, nameless=len(names.nameless), unreadable=len(contents.unreadable))
    database.apply(
        [
            *names.changes(),
            *contents.changes(),
            *((dirty_inode_key(counters.generation, ino), b"") for ino in names.inodes),
            *((dirty_dentry_key(counters.generation, *name), b"") for name in names.names),
            (META_STATE, encode_row(counters)),
            (META_DAMAGE, encode_row(salvaged)),
        ]
    )
    return salvaged
