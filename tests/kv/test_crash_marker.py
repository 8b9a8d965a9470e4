"""A process that died of reading the index leaves a marker, whatever part of artfs called; others leave none."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.errors import IntegrityError
from artfs.kv import crash_marker
from tests.support.data.catalogs import CatalogPlace, log
from tests.support.data.drafts import make_draft

ROOT = Path(__file__).parents[2]

# Reads a page that is not in the file any more.
_IN_KV = "txn = environment.begin_read(); tables.VERSIONS.get(txn, bytes(16))"
_IN_THE_CATALOG = "View(environment.begin_read()).state()"
_READ_INDEX = """
import os, sys
from pathlib import Path
from artfs.catalog import IndexEnvironment, View, tables
from artfs.kv import crash_marker
index = Path(sys.argv[1])
environment = IndexEnvironment.open(index)
crash_marker.install(index)
os.truncate(index / "data.mdb", 8192)
"""
_READ_DRAFT = """
import os, sys
from pathlib import Path
from artfs.drafts.fsck.view import DraftCheckView
from artfs.kv import crash_marker
draft = Path(sys.argv[2])
view = DraftCheckView.open(draft)
crash_marker.install(Path(sys.argv[1]))
os.truncate(draft / "rows" / "data.mdb", 8192)
view.get(b"Mstate")
"""


@pytest.fixture
def index(tmp_path: Path) -> Path:
    place = CatalogPlace.make(tmp_path / "store")
    with place.open() as catalog:
        log(catalog)
    return place.index


_INSTALL_TWICE = """
import os, sys
from pathlib import Path
from artfs.kv import crash_marker
for _ in range(3):
    crash_marker.install(Path(sys.argv[1]))
for name in os.listdir("/proc/self/fd"):
    if os.path.exists(f"/proc/self/fd/{name}"):
        print(os.readlink(f"/proc/self/fd/{name}"))
"""


def test_a_process_that_installs_markers_keeps_the_last_one_open(index: Path) -> None:
    command = [sys.executable, "-c", _INSTALL_TWICE, str(index)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True, text=True).stdout
    assert found.splitlines().count(str(index / "deaths")) == 1


def dies(code: str, *paths: Path) -> bytes:
    """The traceback that a process leaves."""
    command = [sys.executable, "-c", code, *map(str, paths)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.returncode in {-signal.SIGBUS, -signal.SIGSEGV}, ended.stderr
    return (paths[0] / "deaths").read_bytes()


def test_a_crash_within_kv_is_recognised_without_a_frame_of_the_catalog(index: Path) -> None:
    traceback = dies(_READ_INDEX + _IN_KV, index)
    assert b"/artfs/kv/" in traceback
    assert b"/artfs/catalog/" not in traceback
    assert crash_marker.read(index) in {"SIGBUS", "SIGSEGV"}
    with pytest.raises(IntegrityError, match="a process died of SIG"):
        crash_marker.check(index)


def test_a_crash_under_the_catalog_is_recognised(index: Path) -> None:
    assert b"/artfs/catalog/" in dies(_READ_INDEX + _IN_THE_CATALOG, index)
    assert crash_marker.read(index) in {"SIGBUS", "SIGSEGV"}


def test_a_crash_in_the_rows_of_a_draft_is_none_of_the_index(index: Path, tmp_path: Path) -> None:
    traceback = dies(_READ_DRAFT, index, make_draft(tmp_path / "draft", None))
    assert b"/artfs/kv/" in traceback
    assert crash_marker.read(index) is None


@pytest.mark.parametrize(
    ("frames", "signal_name"),
    [
        (("catalog/environment", "catalog/view", "cli/main"), "SIGBUS"),  # as artfs wrote it before it had `kv`
        (("kv/checked_rows", "catalog/view", "drafts/view"), "SIGBUS"),
        (("kv/environment", "vfs/catalog_cache"), "SIGBUS"),
        (("kv/checked_rows", "drafts/namespace/dentries", "catalog/publish"), None),
        (("chunks/codec", "store/store"), None),
    ],
)
def test_the_innermost_frames_decide(tmp_path: Path, frames: tuple[str, ...], signal_name: str | None) -> None:
    lines = "".join(f'  File "/lib/artfs/{frame}.py", line 1 in f\n' for frame in frames)
    (tmp_path / "deaths").write_text(
        f"Fatal Python error: Bus error\n\nCurrent thread 0x1 (most recent call first):\n{lines}\n"
    )
    assert crash_marker.read(tmp_path) == signal_name


def test_a_marker_that_was_cleared_refuses_nothing_and_one_written_since_stays(index: Path) -> None:
    dies(_READ_INDEX + _IN_KV, index)
    before = crash_marker.size(index)
    with (index / "deaths").open("ab") as file:
        file.write(b"more")
    crash_marker.clear(index, before)
    assert crash_marker.size(index) == before + 4
    crash_marker.clear(index, before + 4)
    crash_marker.check(index)
