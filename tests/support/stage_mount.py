"""Mount the drafts of a store in the background: `python -m tests.support.stage_mount STORE MOUNTPOINT [JSON OPTIONS]`.

Prints nothing when that went well, else the error in one line, and ends with its exit code.
"""

from __future__ import annotations

import json
import sys

from artfs.errors import ArtfsError
from artfs.fuse import MountOptions, mount_staging


def main() -> int:
    store, mountpoint = sys.argv[1:3]
    options = MountOptions(**json.loads(sys.argv[3])) if len(sys.argv) > 3 else MountOptions()
    try:
        mount_staging(store, mountpoint, options)
    except ArtfsError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
