"""Make and change a version that is one huge flat directory, through `artfs.store`; a program that `million` runs.

python crowd.py make STORE COUNT   v0 is empty, v1 has COUNT files, v2 one more
python crowd.py add STORE          adds one file to the latest; prints seconds and bytes written as JSON
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from artfs.catalog import NewVersion
from artfs.names import EntryPath, parse_ref
from artfs.store import open_store

_CONTENTS = 1_000  # distinct ones; each file is a kilobyte


def make(store_path: str, count: int) -> None:
    """Store the versions; files share contents, so that it is the directory that is large."""
    contents = [f"{number:04d}\n".encode() * 205 for number in range(_CONTENTS)]
    with tempfile.TemporaryDirectory() as empty, open_store(store_path, create=True) as store:
        store.put([empty], NewVersion(name="crowd"))
        files: dict[EntryPath, Path | bytes | None] = {
            (b"file_%07d.txt" % number,): contents[number % _CONTENTS] for number in range(count)
        }
        store.commit(parse_ref("crowd:v0"), files)
    add(store_path)


def add(store_path: str) -> dict[str, float]:
    """Add one file with contents of its own; count from the store's opening to the commit, which is durable then."""
    name = b"new_%d.txt" % time.time_ns()
    before, start = _written(), time.monotonic()
    with open_store(store_path) as store:
        store.commit(parse_ref("crowd:latest"), {(name,): name})
    return {"seconds": time.monotonic() - start, "bytes": _written() - before}


def _written() -> int:
    """Return the bytes that this process handed to write calls so far: all that artfs writes goes through these.

    `write_bytes` would be the obvious figure, but a kernel with large folios counts up to 2 MiB for a page of 4 KiB.
    """
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]))
    else:
        print(json.dumps(add(sys.argv[2])))
