"""Load on a mount, until stdin closes: `fuse_client MANY`, MANY being a directory of files.

Opens files, one OPEN request each, and asks for statfs, neither of which any cache answers. Prints `started` when it
has begun, and a line of JSON at the end: `{"requests": 12345, "failures": ["Software caused connection abort"]}`.
"""

from __future__ import annotations

import json
import os
import select
import sys


def main() -> None:
    top = sys.argv[1]
    requests, failures = 0, []
    announced = False
    while not select.select([0], [], [], 0)[0]:
        for number in range(50):
            requests += 2
            try:
                os.close(os.open(f"{top}/{(requests * 31 + number) % 2000}", os.O_RDONLY))
                os.statvfs(top)
            except OSError as error:
                failures.append(os.strerror(error.errno or 0))
        if not announced:
            print("started", flush=True)
            announced = True
    print(json.dumps({"requests": requests, "failures": failures}), flush=True)


if __name__ == "__main__":
    main()
