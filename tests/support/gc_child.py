"""A gc in a process that dies at the k-th call that changes the disk: `python -m tests.support.gc_child STORE K`.

With K 0 it does not die, and prints how many such calls there were.
"""

from __future__ import annotations

import sys

from artfs.catalog import current_actor
from artfs.store import open_store
from artfs.vfs.gc import collect_store
from tests.support.stepfaults import dying_at


def main() -> None:
    place, at = sys.argv[1], int(sys.argv[2])
    with open_store(place) as store, dying_at(at).armed() as faults:
        collect_store(store, current_actor(), patience=0)
    print(len(faults.calls))


if __name__ == "__main__":
    main()
