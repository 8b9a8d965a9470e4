"""What `import artfs` costs those who only import it."""

from __future__ import annotations

import subprocess
import sys

# Measured on one machine: trio 101 ms, fsspec 87, asyncio 44, platformdirs 16.
HEAVY = {"asyncio", "boto3", "click", "fsspec", "gcsfs", "obstore", "platformdirs", "pyfuse3", "rich", "s3fs", "trio"}


def test_importing_artfs_loads_no_event_loop_no_fuse_no_terminal_and_no_cloud_client() -> None:
    program = "import sys, artfs; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "artfs" in loaded
    assert HEAVY.isdisjoint(loaded)
