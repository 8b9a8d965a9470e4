"""scripts/bench --quick: every row can be measured, or says why not. What its figures are never matters here."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_every_row_is_measured_or_says_why_not_and_is_documented_and_nothing_is_left_behind(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, CHECKOUT / "scripts" / "bench", "--quick", "--json", "--dir", tmp_path]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    rows = json.loads(done.stdout)["rows"]
    assert [row for row in rows if row["failed"]] == []
    assert all(row["skipped"] or row["comparisons"] for row in rows)
    documented = _documented()
    assert [row["name"] for row in rows if not any(fnmatch.fnmatch(row["name"], each) for each in documented)] == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert list(tmp_path.iterdir()) == []


def _documented() -> list[str]:
    """What the tables of BENCHMARKS.md have in their first columns; `...` stands for anything."""
    text = (CHECKOUT / "artfs" / "docs" / "BENCHMARKS.md").read_text()
    firsts = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [name.replace("...", "*") for first in firsts for name in re.findall(r"`([^`]+)`", first)]
