"""Read a mounted copy until stdin closes: `python -m tests.support.mount_reader COPY SOURCE SEED`.

Reads files in an order of its own and holds them against those of SOURCE. Prints `started` after the first one, and a
line of JSON at the end: `{"reads": 1234, "failed": ["Software caused connection abort"], "wrong": []}`.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
from pathlib import Path


def main() -> None:
    copy, source, seed = sys.argv[1:]
    paths = [path.relative_to(source) for path in Path(source).rglob("*") if path.is_file()]
    rng = random.Random(int(seed))
    reads = 0
    failed: list[str] = []
    wrong: list[str] = []
    while not select.select([0], [], [], 0)[0]:
        path = rng.choice(paths)
        try:
            data = Path(copy, path).read_bytes()
        except OSError as error:
            failed.append(os.strerror(error.errno or 0))
        else:
            if data != Path(source, path).read_bytes():
                wrong.append(str(path))
        reads += 1
        if reads == 1:
            print("started", flush=True)
    print(json.dumps({"reads": reads, "failed": failed, "wrong": wrong}))


if __name__ == "__main__":
    main()
