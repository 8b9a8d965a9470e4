"""Check the drafts of a store beside whoever serves them: the invariants of docs/FORMAT.md, "Invariants of drafts".

`look` reads a draft without changing it, `rows` holds its rows against each other and against its data files, `under`
against the store; `drafts` does it for all, each in a process of its own.
"""

from artfs.vfs.draft.fsck.drafts import check_draft, check_drafts, repair_drafts

__all__ = ["check_draft", "check_drafts", "repair_drafts"]
