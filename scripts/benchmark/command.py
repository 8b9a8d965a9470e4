"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from benchmark import api, machine, million, page, putting, reading, references, report, staging, starting
from benchmark.dataset import FULL, QUICK
from benchmark.rows import Figures, Row, measure
from benchmark.workshop import Settings, Workshop

_FREE_BYTES = 12 << 30
_DISK = Path("/var/tmp")  # noqa: S108  # /tmp may be memory


def main(project: Path) -> int:
    """Run what the command line asks for.

    Args:
        project: The checkout that is measured, unless the command line names another artfs.

    Returns:
        0, or 1 when a row could not be measured: whether a figure is as expected never decides.
    """
    options = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    os.environ["PYTHONPATH"] = str(project)
    settings = Settings(
        artfs=[str(options.artfs.resolve())] if options.artfs else _installed_artfs(),
        sizes=QUICK if options.quick else FULL,
        rounds=options.rounds or (1 if options.quick else 5),
        workers=options.workers,
    )
    shop = Workshop(_work_directory(options.dir, quick=options.quick), settings)
    try:
        rows = _chosen(all_rows(shop), options.only)
        facts = machine.facts(shop.work, settings.artfs)
        results = [_measured(row, settings.rounds) for row in rows]
    except KeyboardInterrupt:
        return 130
    finally:
        shop.clean()
    print((report.as_json if options.json else report.as_table)(facts, settings.rounds, results), end="")
    return 1 if any(figures.failed for figures in results) else 0


def all_rows(shop: Workshop) -> list[Row]:
    """Return every row, in the order of the report."""
    return [
        *putting.rows(shop),
        *reading.rows(shop),
        *references.rows(shop),
        *staging.rows(shop),
        *million.rows(shop),
        *starting.rows(shop),
        *api.rows(shop),
        *page.rows(shop),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure artfs beside the native file system, squashfuse, borg and restic.",
        epilog="artfs/docs/BENCHMARKS.md names and explains the rows.",
    )
    parser.add_argument("--only", metavar="ROW[,ROW]", help="measure these rows; * and ? match any characters")
    parser.add_argument("--rounds", type=int, metavar="N", help="alternating rounds of which the median counts (5)")
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes of the mount (artfs's own default)")
    parser.add_argument("--dir", type=Path, default=_DISK, help=f"where to work, on a real disk ({_DISK})")
    parser.add_argument("--artfs", type=Path, metavar="PROGRAM", help="measure this artfs instead of the checkout's")
    parser.add_argument("--quick", action="store_true", help="a small data set and one round: shows that all works")
    parser.add_argument("--json", action="store_true", help="print every figure of every round as JSON")
    return parser


def _installed_artfs() -> list[str]:
    """Return the command of this Python's environment, or one that needs no installation."""
    program = Path(sys.executable).with_name("artfs")
    return [str(program)] if program.exists() else [sys.executable, "-m", "artfs.cli"]


def _work_directory(parent: Path, *, quick: bool) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(parent).free
    if free < _FREE_BYTES and not quick:
        sys.exit(f"bench: {parent} has {free >> 30} GiB free, {_FREE_BYTES >> 30} are needed: give another --dir")
    return Path(tempfile.mkdtemp(prefix="artfs-bench-", dir=parent.resolve()))


def _chosen(rows: Sequence[Row], only: str | None) -> list[Row]:
    if only is None:
        return list(rows)
    patterns = only.split(",")
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(row.name, pattern) for row in rows):
            sys.exit(f"bench: no row {pattern!r}: there are {', '.join(row.name for row in rows)}")
    return [row for row in rows if any(fnmatch.fnmatchcase(row.name, pattern) for pattern in patterns)]


def _measured(row: Row, rounds: int) -> Figures:
    figures = measure(row, rounds, _say)
    _say("")
    return figures


def _say(what: str) -> None:
    """Show on a terminal what is going on, on one line that the next replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what}")
        sys.stderr.flush()


def _stop(number: int, _frame: object) -> NoReturn:
    """Leave through every `finally` when a signal asks it to end."""
    sys.exit(128 + number)
