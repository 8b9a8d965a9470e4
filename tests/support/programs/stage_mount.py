"""Mount the drafts of a store in the background: `stage_mount STORE MOUNTPOINT [JSON OPTIONS]`.

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

from artfs.drafts.registry import DraftRegistry
from artfs.errors import ArtfsError
from artfs.fuse import MountOptions, mount_staging
from artfs.fuse.prefork import supervisor
from artfs.fuse.prefork.process import start_daemon
from artfs.fuse.prefork.serve import Service, serve
from artfs.fuse.staging.staging_mount import StagingMount


def mount_as_before(store: Path, mountpoint: str, options: MountOptions, *, share: bool) -> None:
    def daemon(ready: Callable[[], None]) -> None:
        service = Service(store, mountpoint, StagingMount(store, options), options, share=share, resend=False)
        with DraftRegistry(store / "drafts").lock():
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
