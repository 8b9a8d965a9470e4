"""Read files of a mounted copy, by an order of its own: `mount_reader COPY SOURCE COUNT SEED`.

Holds each of them against that of SOURCE. Prints `started` after the first one, and a line of JSON at the end:
`{"failed": ["Software caused connection abort"], "wrong": []}`.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path


def main() -> None:
    copy, source, count, seed = sys.argv[1:]
    paths = [path.relative_to(source) for path in Path(source).rglob("*") if path.is_file()]
    rng = random.Random(int(seed))
    failed: list[str] = []
    wrong: list[str] = []
    for number, path in enumerate(rng.choices(paths, k=int(count))):
        try:
            data = Path(copy, path).read_bytes()
        except OSError as error:
            failed.append(os.strerror(error.errno or 0))
        else:
            if data != Path(source, path).read_bytes():
                wrong.append(str(path))
        if number == 0:
            print("started", flush=True)
    print(json.dumps({"failed": failed, "wrong": wrong}))


if __name__ == "__main__":
    main()
