"""Exports and imports as processes: through pipes, killed, several at once, beside gc, on a full disk."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.catalog import current_actor
from artfs.drafts.gc_roots import collect_store
from artfs.errors import ConflictError
from artfs.store import Store
from tests.support.data.bundles import bundle_of, leftovers, noise, put, refs_in, take
from tests.support.data.checked import assert_clean
from tests.support.mounts.mounts import ROOT, apart


def _line(store: Store, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "artfs.cli", "--store", str(store.path), *arguments]


def test_an_export_goes_through_a_pipe_into_an_import(here: Store, there: Store, tmp_path: Path) -> None:
    put(here, tmp_path / "a", {f"{n}": noise(n, 40_000) for n in range(50)})
    with subprocess.Popen(_line(here, "export", "animals", "-"), stdout=subprocess.PIPE, cwd=ROOT) as exporting:
        done = subprocess.run(
            _line(there, "import", "-"), stdin=exporting.stdout, capture_output=True, cwd=ROOT, check=False, timeout=60
        )
    assert (done.returncode, done.stderr, exporting.returncode) == (0, b"", 0)
    assert done.stdout.splitlines()[0] == b"animals:v0"
    assert refs_in(there) == ["animals:v0"]
    assert_clean(there.path)


def test_an_export_whose_reader_dies_ends_as_one_whose_pipe_is_closed(here: Store, tmp_path: Path) -> None:
    put(here, tmp_path / "a", {f"{n}": noise(n, 40_000) for n in range(50)})
    with subprocess.Popen(
        _line(here, "export", "animals", "-"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as exporting:
        assert exporting.stdout is not None
        assert exporting.stderr is not None
        exporting.stdout.read(100)
        exporting.stdout.close()
        assert (exporting.wait(60), exporting.stderr.read()) == (141, b"")


@pytest.mark.parametrize(("number", "code", "left"), [(signal.SIGTERM, 143, 0), (signal.SIGKILL, -9, 1)])
def test_an_export_that_is_ended_leaves_no_file_of_its_name(
    here: Store, tmp_path: Path, number: signal.Signals, code: int, left: int
) -> None:
    put(here, tmp_path / "a", {"f": noise(1, 3_000_000)})
    (out := tmp_path / "out").mkdir()
    program = (
        "import os, sys\nfrom artfs.chunks.reader import PackReader\nfrom artfs.cli.main import main\n"
        "def record(*_): os.kill(os.getpid(), int(sys.argv[1]))\n"
        "PackReader.record = record\nsys.exit(main(sys.argv[2:]))"
    )
    line = [sys.executable, "-c", program, str(int(number)), *_line(here, "export", "animals", f"{out}/a.artfs")[3:]]
    ended = subprocess.run(line, capture_output=True, cwd=ROOT, check=False, timeout=60)
    assert ended.returncode == code, ended.stderr
    assert not (out / "a.artfs").exists()
    assert [path.name.startswith(".artfs-") for path in out.iterdir()] == [True] * left


def test_a_kill_anywhere_in_an_import_shows_nothing_and_leaves_what_the_next_one_finds_or_gc_takes(
    here: Store, there: Store, tmp_path: Path
) -> None:
    put(here, tmp_path / "a", {f"{n:02}": noise(n, 30_000) for n in range(20)})
    bundle = bundle_of(here, "animals:v0")
    (tmp_path / "bundle").write_bytes(bundle)
    offsets = sorted(random.Random(5).sample(range(len(bundle)), 10))
    child = [sys.executable, "-m", "tests.support.programs.import_child", str(there.path), str(tmp_path / "bundle")]
    killed = subprocess.run([*child, *map(str, offsets)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert killed.returncode == 0, killed.stderr
    states = [json.loads(line) for line in killed.stdout.splitlines()]
    assert len(states) == len(offsets)
    assert all((state["refs"], state["findings"]) == ([], []) for state in states)
    assert states[-1]["packs"] > 0
    assert take(there, bundle).written < len(bundle) - min(offsets[-1], 400_000)
    assert_clean(there.path)


def test_what_a_killed_import_left_is_gone_after_a_gc(here: Store, there: Store, tmp_path: Path) -> None:
    put(here, tmp_path / "a", {f"{n:02}": noise(n, 30_000) for n in range(20)})
    bundle = bundle_of(here, "animals:v0")
    (tmp_path / "bundle").write_bytes(bundle)
    child = [sys.executable, "-m", "tests.support.programs.import_child", str(there.path), str(tmp_path / "bundle")]
    killed = subprocess.run([*child, str(len(bundle) - 10)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert json.loads(killed.stdout)["packs"] > 0
    collect_store(there, current_actor())
    put(there, tmp_path / "b", {"x": b"x"}, "own")  # the next writer sweeps what its session left
    assert len([name for name in leftovers(there.path) if name.endswith(".pack")]) == 2
    assert_clean(there.path)


def test_two_imports_of_the_same_at_once_make_one_set_of_versions(here: Store, there: Store, tmp_path: Path) -> None:
    for number in range(3):
        put(here, tmp_path / "a", {f"{number}-{n}": noise(100 * number + n, 30_000) for n in range(10)})
    bundle = tmp_path / "bundle.artfs"
    bundle.write_bytes(bundle_of(here, *(f"animals:v{number}" for number in range(3))))
    both = [subprocess.Popen(_line(there, "import", str(bundle)), stdout=subprocess.PIPE, cwd=ROOT) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(line.endswith(b"nothing is new: all of it is here already\n") for line in said) == [False, True]
    assert refs_in(there) == ["animals:v0", "animals:v1", "animals:v2"]
    assert_clean(there.path)


def test_a_gc_does_not_run_beside_an_import(here: Store, there: Store, tmp_path: Path) -> None:
    put(here, tmp_path / "a", {"x": noise(1, 5000)})
    bundle = bundle_of(here, "animals:v0")
    reading, writing = os.pipe()
    with subprocess.Popen(_line(there, "import", "-"), stdin=reading, stdout=subprocess.PIPE, cwd=ROOT) as importing:
        os.close(reading)
        os.write(writing, bundle[:-1])
        while not list((there.path / "tmp").glob("*.lock")):  # its writer session
            assert importing.poll() is None
        with pytest.raises(ConflictError, match="a check or import, is at work"):
            collect_store(there, current_actor(), timeout=0)
        os.write(writing, bundle[-1:])
        os.close(writing)
        assert importing.wait(60) == 0
    collect_store(there, current_actor())
    assert refs_in(there) == ["animals:v0"]
    assert_clean(there.path)


def test_imports_that_count_on_what_gc_would_take_come_out_whole(here: Store, there: Store, tmp_path: Path) -> None:
    """Contents are imported, deleted and imported again with `--since`, while another process collects all the time."""
    for number in range(6):
        put(here, tmp_path / "a", {f"{number}": noise(number, 40_000)})
    first = bundle_of(here, "animals:v0")
    more = [bundle_of(here, f"animals:v{n}", since=[f"animals:v{n - 1}"]) for n in range(1, 6)]
    program = (
        "import sys\nfrom artfs.cli.main import main\nwhile sys.stdin.read(1): main(['gc', '--store', sys.argv[1]])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(there.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as collecting:
        assert collecting.stdin is not None
        collecting.stdin.write(b"." * 30)
        collecting.stdin.flush()
        take(there, first)
        for number, bundle in enumerate(more):
            take(there, bundle)
            there.catalog.delete_versions("animals", [number], current_actor(), delete_aliases=True)
        collecting.stdin.close()
        collecting.wait(120)
    assert refs_in(there) == ["animals:v5"]
    assert_clean(there.path)


def test_a_full_disk_ends_an_import_with_one_line_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """In a small file system of its own."""
    mount = 'mount -t tmpfs -o size=40m,mode=700 artfs-test "$0" && exec "$@"'
    child = [sys.executable, "-m", "tests.support.programs.import_full_child", str(tmp_path)]
    ended = subprocess.run(
        [*apart(), "sh", "-c", mount, str(tmp_path), *child],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == {
        "made": [0, 0, 0],
        "import": 8,
        "seen": 3,
        "export": 8,
        "left": ["a.artfs"],
        "again": 0,
    }, ended.stderr


def test_a_version_that_is_deleted_while_it_is_exported_is_exported_whole(
    here: Store, there: Store, tmp_path: Path
) -> None:
    put(here, tmp_path / "a", {f"{n}": noise(n, 40_000) for n in range(100)})
    with subprocess.Popen(_line(here, "export", "animals", "-"), stdout=subprocess.PIPE, cwd=ROOT) as exporting:
        assert exporting.stdout is not None
        begun = exporting.stdout.read(200_000)
        here.catalog.delete_artifact("animals", current_actor())
        collect_store(here, current_actor())
        bundle = begun + exporting.stdout.read()
    assert exporting.returncode == 0
    take(there, bundle)
    assert_clean(there.path)


def test_a_push_that_is_killed_shows_nothing_and_the_next_one_sends_what_is_missing(
    here: Store, there: Store, tmp_path: Path
) -> None:
    size = 100_000_000
    put(here, tmp_path / "a", {f"{n}": noise(n, size // 50) for n in range(50)})
    program = (
        "import os, signal, sys\nfrom artfs.cli.main import main\n"
        "from artfs.transfer.receive_content import ContentReceiver\n"
        "settle = ContentReceiver.settle\n"
        "def killed(self):\n    settle(self)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "ContentReceiver.settle = killed\nmain(sys.argv[1:])\n"
    )
    line = ["--store", str(here.path), "push", "animals", str(there.path)]
    killed = subprocess.run([sys.executable, "-c", program, *line], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert refs_in(there) == []
    done = subprocess.run(
        _line(here, "push", "animals", str(there.path), "--json"), capture_output=True, cwd=ROOT, check=True
    )
    assert 0 < json.loads(done.stdout)["size"] < size / 2  # it was killed behind the first 64 MiB
    assert refs_in(there) == ["animals:v0"]
    assert_clean(there.path)
