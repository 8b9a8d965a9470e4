"""Check a store: every invariant of docs/FORMAT.md that can be seen afterwards, and what is lost where one is broken.

`run` composes: `packs` holds the pack files against themselves, `index` (in a process of its own, `child`) journal and
index against each other and against the packs, `trees` what the versions are made of. A repair saves what is sound in
damaged packs (`salvage`), and sets these aside (`quarantine`).
"""

from artfs.store.fsck.finding import Affected, Finding, Part, Quarantined
from artfs.store.fsck.run import Report, fsck

__all__ = ["Affected", "Finding", "Part", "Quarantined", "Report", "fsck"]
