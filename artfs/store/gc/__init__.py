"""Garbage collection: what no version, draft or reader holds is found (mark), condemned, and removed (sweep).

digests   sets of millions of digests       marks    what is held
packs     which packs to rewrite            waiting  for writers that began before
sweep     rewrite and remove                run      all of it in order
"""

from artfs.store.gc.run import Freed, collect_garbage

__all__ = ["Freed", "collect_garbage"]
