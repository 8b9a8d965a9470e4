"""A draft on a disk that is full: `full_child DIRECTORY`, on a small file system of its own.

Prints a line of JSON with what it saw.
"""

from __future__ import annotations

import errno
import json
import os
import random
import sys
from pathlib import Path

from tests.support.mounts.stagedstore import StagedStore

_SIZE = 700_000


def fill(draft: Path, rng: random.Random) -> tuple[dict[str, bytes], list[str]]:
    """Write files until that fails, and five more; what was written, and the errors."""
    written: dict[str, bytes] = {}
    errors: list[str] = []
    number = 0
    while len(errors) < 5:
        number += 1
        data = rng.randbytes(_SIZE)
        try:
            (draft / f"{number}").write_bytes(data)
            written[f"{number}"] = data
        except OSError as error:
            errors.append(errno.errorcode[error.errno or 0])
    return written, errors


def main() -> None:
    rng = random.Random(1)
    seen: dict[str, object] = {}
    with StagedStore(Path(sys.argv[1])) as staged:
        staged.mount()
        draft = staged.mountpoint / "animals"
        draft.mkdir()
        written, errors = fill(draft, rng)
        seen["errors"] = sorted(set(errors))
        seen["written"] = len(written) > 20
        seen["whole"] = all((draft / name).read_bytes() == data for name, data in written.items())
        seen["commit"] = _commit(staged, draft)
        seen["still whole"] = all((draft / name).read_bytes() == data for name, data in written.items())
        names = list(written)
        for name in os.listdir(draft):
            if name not in names[:10]:
                (draft / name).unlink()
        (draft / "after").write_bytes(b"after")
        ref = staged.commit(draft, force=True)
        staged.umount()
        staged.mount()
        seen["after"] = (draft / "after").read_bytes() == b"after"
        seen["kept"] = all((draft / name).read_bytes() == written[name] for name in names[:10])
        place = staged.extracted(ref)
        seen["version"] = sorted(os.listdir(place)) == sorted(["after", *names[:10]])
    print(json.dumps(seen))


def _commit(staged: StagedStore, draft: Path) -> str:
    """How a commit ends for which there is no room: when it is frozen or when it is stored."""
    try:
        staged.ask(draft, "full", force=True)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return str(staged.ended(draft, "full")["error"])


if __name__ == "__main__":
    main()
