"""scripts/quickstart, as a newcomer runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_quickstart_reads_back_every_byte_and_leaves_nothing_mounted_and_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [CHECKOUT / "scripts" / "quickstart"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "every byte is the same" in done.stdout.splitlines()
    assert "Read-only file system" in done.stdout
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert list(tmp_path.iterdir()) == []
