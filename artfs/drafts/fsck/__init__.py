"""Check the drafts of a store, also while a mount serves them: docs/FORMAT.md, "Invariants of drafts".

`view` reads a draft without changing it, `check_rows` compares its rows with each other and with its data files,
`check_base` compares them with the store, and `check` does both for all drafts, each in a process of its own.
"""

from artfs.drafts.fsck.check import check_draft, check_drafts, check_store, repair_drafts

__all__ = ["check_draft", "check_drafts", "check_store", "repair_drafts"]
