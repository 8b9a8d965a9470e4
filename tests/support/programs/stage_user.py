"""What an ordinary user does with drafts: `stage_user DIRECTORY`. Prints a line of JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.support.mounts.stagedstore import StagedStore


def main() -> None:
    seen: dict[str, object] = {"user": os.geteuid()}
    with StagedStore(Path(sys.argv[1])) as staged:
        staged.mount()
        draft = staged.mountpoint / "animals"
        draft.mkdir()
        (draft / "a").write_bytes(b"a" * 100_000)
        status = (draft / "a").stat()
        seen["mine"] = (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())
        with open(draft / "b", "wb", buffering=0) as file:
            file.write(b"1")
            staged.kill(lambda: staged.server)
            file.write(b"2")
        seen["after a kill"] = (draft / "b").read_bytes().decode()
        seen["commit"] = staged.commit(draft)
        seen["version"] = sorted(path.name for path in staged.extracted("animals:v0").iterdir())
        staged.write("discard", {"name": "animals"})
        seen["drafts"] = os.listdir(staged.mountpoint)
        staged.umount()
        seen["troubles"] = [line for line in staged.troubles() if "was killed by signal 9" not in line]
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
