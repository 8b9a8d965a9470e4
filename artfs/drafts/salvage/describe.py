"""Line for people about the damage of a draft."""

from __future__ import annotations

from artfs.drafts.db.schema import DraftDamage

__all__ = ["describe_damage"]


def describe_damage(damage: DraftDamage) -> str:
    """Describe what a damaged draft may lack, and where the log is kept."""
    bytes_ = sum(end - start for _epoch, start, end in damage.lost)
    kept = ", ".join(dict.fromkeys(f"damaged-{epoch}.log" for epoch, _start, _end in damage.lost))
    line = f"the redo log was damaged ({bytes_:,} bytes), so changes may be lacking; it is kept as {kept} in the store"
    if damage.nameless:
        line += f"; {damage.nameless:,} entries that lost their names are in lost+found"
    if damage.unreadable:
        line += f"; {damage.unreadable:,} files cannot be read any more"
    return line
