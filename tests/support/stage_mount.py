"""Mount the drafts of a store in the background: `python -m tests.support.stage_mount STORE MOUNTPOINT [JSON OPTIONS]`.

Prints nothing when that went well, else the error in one line, and ends with its exit code. With a further argument it
is served as by a kernel that is older: `clone` where a dead process's requests are not sent to the next one, `share`
where the device cannot be cloned either; or, with `hasty`, by a supervisor that waits for no commit longer than 1 s.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from artfs.errors import ArtfsError
from artfs.fuse import MountOptions, mount_staging, supervisor
from artfs.fuse.daemon import start_daemon
from artfs.fuse.serve import Service, serve
from artfs.fuse.staging.mount import Stage
from artfs.vfs.draft.home import DraftsHome


def mount_as_before(store: Path, mountpoint: str, options: MountOptions, *, share: bool) -> None:
    def daemon(ready: Callable[[], None]) -> None:
        staff = Stage(store, options)
        service = Service(store, mountpoint, staff, options, writable=True, share=share, again=False)
        with DraftsHome(store / "drafts").lock():
            serve(service, lambda _info: ready())

    start_daemon(daemon)


def main() -> int:
    store, mountpoint = sys.argv[1:3]
    options = MountOptions(**json.loads(sys.argv[3])) if len(sys.argv) > 3 else MountOptions()
    try:
        if sys.argv[4:] == ["hasty"]:
            with patch.object(supervisor, "COMMIT_SECONDS", 1.0):
                mount_staging(store, mountpoint, options)
        elif len(sys.argv) > 4:
            mount_as_before(Path(store), mountpoint, options, share=sys.argv[4] == "share")
        else:
            mount_staging(store, mountpoint, options)
    except ArtfsError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
