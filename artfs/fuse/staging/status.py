"""What the control file `status` says: what was changed in a draft since its base."""

from __future__ import annotations

from itertools import islice
from typing import Final

from artfs.fuse.staging.drafts import OpenDraft
from artfs.names import printable
from artfs.store import Store
from artfs.vfs.draft.status import changes

__all__ = ["status_text"]

_MAX_LINES: Final = 1000
_MAX_CHANGES: Final = 50_000
"""Of a draft in which more was changed nothing is listed here: all requests wait meanwhile."""


def status_text(opened: OpenDraft, store: Store) -> str:
    """The text, cut off after a thousand changes. `artfs status` lists all, from rows that are checkpointed here.

    Args:
        opened: The draft.
        store: Reads its base.

    Raises:
        OSError: The disk has no room for the checkpoint.
    """
    if not opened.held:
        opened.draft.checkpoint()
    origin = opened.draft.origin
    lines = [f"{origin.artifact} from {origin.base_ref or 'nothing'}"]
    if opened.draft.is_touched_more(_MAX_CHANGES):
        return f"{lines[0]}\nvery many changes: `artfs status` lists them\n"
    found = list(islice(changes(opened.draft.tree(), store.pages), _MAX_LINES + 1))
    lines += [f"{change.kind} {printable(change.path)}" for change in found[:_MAX_LINES]]
    if len(found) > _MAX_LINES:
        lines.append("and more: `artfs status` lists all")
    return "\n".join(lines) + "\n"
