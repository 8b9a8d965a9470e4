"""What `scripts/reference` does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from manual.python import gaps, page

__all__ = ["main"]


def main(project: Path) -> int:
    """Write the page, or tell whether it is stale; gives the exit code."""
    parser = argparse.ArgumentParser("scripts/reference", description="Make artfs/docs/PYTHON.md from the docstrings.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is stale")
    check: bool = parser.parse_args().check
    target, text = project / "artfs" / "docs" / "PYTHON.md", page()
    problems = gaps()
    if check and (not target.exists() or target.read_text("utf-8") != text):
        problems.append(f"{target.name} is stale: run scripts/reference")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not check:
        target.write_text(text, "utf-8")
    return 1 if problems else 0
