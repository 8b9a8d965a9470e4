"""Lineage: tracking of runs in mounts, and the graph of runs and versions.

While a run goes on, all of it is in its directory `runs/<id>/` (docs/FORMAT.md, "Runs"): workers of a mount write there
without a lock of the index. `flush_run` makes edges of it, `current_view` shows it before. `graph` walks the edges, and
`exports` writes the graph down.
"""

from artfs.lineage.current_uses import current_uses, current_view
from artfs.lineage.flush import ChildWatch, flush_ended_runs, flush_run, record_crashes
from artfs.lineage.pins import pin_version
from artfs.lineage.run_directories import RunDirectories, RunDirectory
from artfs.lineage.run_tracker import RunTracker
from artfs.lineage.step_files import StepFiles

__all__ = [
    "ChildWatch",
    "RunDirectories",
    "RunDirectory",
    "RunTracker",
    "StepFiles",
    "current_uses",
    "current_view",
    "flush_ended_runs",
    "flush_run",
    "pin_version",
    "record_crashes",
]
