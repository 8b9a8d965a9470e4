"""A gc in a process that dies at the k-th call that changes the disk: `gc_child STORE K`.

With K 0 it does not die, and prints how many such calls there were.
"""

from __future__ import annotations

import sys

from artfs.catalog import current_actor
from artfs.drafts.gc_roots import collect_store
from artfs.store import open_store
from tests.support.faults.stepfaults import dying_at


def main() -> None:
    place, at = sys.argv[1], int(sys.argv[2])
    with open_store(place) as store, dying_at(at).armed() as faults:
        collect_store(store, current_actor(), timeout=0)
    print(len(faults.calls))


if __name__ == "__main__":
    main()
