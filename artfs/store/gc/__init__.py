"""Garbage collection: marks what versions, drafts and readers need, condemns and sweeps the rest.

collect       all of it, in order           mark            nodes and chunks below roots
select_packs  the packs to rewrite          writer_barrier  wait for writers that began before
sweep         rewrite and remove packs          reclaim         what gc gives back once versions are deleted
"""

from artfs.store.gc.collect import Freed, FreedDraft, collect_garbage
from artfs.store.gc.reclaim import reclaimable_bytes

__all__ = ["Freed", "FreedDraft", "collect_garbage", "reclaimable_bytes"]
