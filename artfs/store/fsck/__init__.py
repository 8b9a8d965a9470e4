"""Check a store against the invariants of FORMAT, and list the paths that damage affects.

check_store       all of it, and repair       packs         packs by themselves
subprocess_check  the rest, in a child        index         index and journal, and both against the packs
trees             nodes of all versions       lookup        chunks and nodes in index and packs
repair_packs      salvage and quarantine      finding       results
"""

from artfs.store.fsck.check_store import Report, fsck
from artfs.store.fsck.finding import Affected, Finding, Part, Quarantined

__all__ = ["Affected", "Finding", "Part", "Quarantined", "Report", "fsck"]
