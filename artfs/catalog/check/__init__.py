"""Checks of the invariants of journal and index (docs/FORMAT.md, J1-J8 and C1-C13)."""

from artfs.catalog.check.check_index import check_index
from artfs.catalog.check.check_journal import Violation, check_journal, verify_chain
from artfs.catalog.check.check_replay import check_replay

__all__ = ["Violation", "check_index", "check_journal", "check_replay", "verify_chain"]
