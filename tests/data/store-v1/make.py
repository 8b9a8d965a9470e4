"""Make the store that is kept in `store.tar.xz`, with the release whose format every later one reads.

    python make.py DIRECTORY

It uses public names alone. DIRECTORY is made, with `store/`, a store that has versions, aliases, runs and drafts of
every kind. What is in it is written to `expected.json` beside this file by `describe`, which the test runs again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import artfs
from artfs.mountinfo import find_mount

HERE = Path(__file__).parent
_TIME_NS = 1_700_000_000_123_456_789


def lines(first: int, count: int) -> bytes:
    """Bytes that compress well and are cut into several chunks."""
    return b"".join(
        b"%08d one line of a file that is cut where its content says so\n" % n for n in range(first, first + count)
    )


def command(store: Path, *arguments: str | Path) -> str:
    """Run a command on the store; its output."""
    line = [sys.executable, "-m", "artfs.cli", "--store", store, *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


def digest(data: bytes) -> str:
    """A digest that has nothing to do with artfs."""
    return hashlib.sha256(data).hexdigest()


def make_source(top: Path) -> Path:
    """A directory with entries of every kind, with fixed times and modes."""
    source = top / "source"
    (source / "cats" / "empty").mkdir(parents=True)
    (source / "cats" / "tom.txt").write_bytes(b"meow\n")
    (source / "big.txt").write_bytes(lines(0, 40_000))
    (source / "run.sh").write_bytes(b"#!/bin/sh\necho ran\n")
    (source / "run.sh").chmod(0o755)
    (source / "empty").write_bytes(b"")
    (source / "link").symlink_to("cats/tom.txt")
    (source / "zeros").write_bytes(bytes(100_000))
    Path(os.fsdecode(os.fsencode(source) + b"/n\xffme")).write_bytes(b"a name that is not UTF-8")
    many = source / "many"
    many.mkdir()
    for number in range(700):  # more than one page of a directory
        (many / f"file-{number:04}").write_bytes(b"%d" % number)
    for directory, _, files in os.walk(source, topdown=False):
        for name in files:
            os.utime(os.path.join(directory, name), ns=(_TIME_NS, _TIME_NS), follow_symlinks=False)
        os.utime(directory, ns=(_TIME_NS, _TIME_NS))
    return source


def make_versions(store: Path, source: Path) -> None:
    """Versions, aliases, tags, links, deleted versions, runs and lineage."""
    command(store, "init")
    command(
        store,
        "put",
        source,
        "-n",
        "animals",
        "-t",
        "dataset",
        "-a",
        "best",
        "-m",
        "first",
        "--meta",
        "classes=3",
        "--tag",
        "clean",
    )
    (source / "cats" / "tom.txt").write_bytes(b"meow, meow\n")
    (source / "big.txt").write_bytes(lines(0, 20_000) + b"something in between\n" + lines(20_000, 20_000))
    command(store, "put", source, "-n", "animals", "-a", "newest")
    command(store, "link", "animals:v0", "pets")
    command(store, "put", source / "cats", "-n", "gone", "-t", "model")
    command(store, "rm", "gone:v0")
    command(store, "put", source / "cats", "-n", "renamed-before")
    command(store, "rename", "renamed-before", "renamed")
    command(store, "edit", "animals:v1", "--description", "the second", "--ttl", "3650d")
    with artfs.init(name="train", job_type="training", config={"rate": 0.5}, store=store) as run:
        run.use_artifact("animals:v0")
        model = artfs.Artifact("model", type="model", metadata={"layers": [1, 2]})
        with model.new_file("weights.bin", "wb") as file:
            file.write(bytes(range(256)) * 1000)
        model.add_reference("http://example.org/data.csv", name="data.csv", checksum=False)
        run.log_artifact(model, aliases=["good"])
        run.summary["loss"] = 0.25


def make_drafts(store: Path, top: Path) -> None:
    """Drafts, new and over a version; the mount is killed, so that changes are in their redo logs."""
    staging = top / "staging"
    staging.mkdir()
    command(store, "mount", _mountpoint(top), "--staging", staging)
    try:
        (staging / "fresh").mkdir()
        (staging / "fresh" / "a.txt").write_bytes(b"a new draft\n")
        command(store, "stage", "animals")
        draft = staging / "animals"
        (draft / "cats" / "new.txt").write_bytes(b"new\n")
        (draft / "many" / "file-0001").unlink()
        (draft / "many").rename(draft / "moved")
        with (draft / "big.txt").open("r+b") as file:
            file.seek(700_000)
            file.write(b"overwritten")
        (draft / "copy.txt").write_bytes(lines(90_000, 30_000))
        (draft / "hard").hardlink_to(draft / "run.sh")
        (draft / "run.sh").chmod(0o700)
        os.truncate(draft / "zeros", 5)
        (draft / "last.txt").write_bytes(b"the last change before the mount ends\n")
    finally:
        kill_mounts([staging, _mountpoint(top)])


def kill_mounts(mountpoints: list[Path]) -> None:
    """End all processes of mounts by SIGKILL, which leaves redo logs as they are, and unmount."""
    for mountpoint in mountpoints:
        info = find_mount(os.fspath(mountpoint))
        if info is None or info.pid is None:
            continue
        children = Path(f"/proc/{info.pid}/task/{info.pid}/children").read_text().split()
        for pid in (info.pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        subprocess.run(["umount", "-l", mountpoint], check=True)


def _mountpoint(top: Path) -> Path:
    path = top / "mnt"
    path.mkdir(exist_ok=True)
    return path


def tree(top: Path) -> dict[str, list[object]]:
    """Every entry below a directory: kind, permissions, digest or target."""
    found: dict[str, list[object]] = {}
    for directory, names, files in os.walk(os.fsencode(top)):
        for name in sorted([*names, *files]):
            path = os.path.join(directory, name)
            key = os.path.relpath(path, os.fsencode(top)).decode(errors="backslashreplace")
            mode = os.lstat(path).st_mode
            if os.path.islink(path):
                found[key] = ["symlink", os.readlink(path).decode()]
            elif os.path.isdir(path):
                found[key] = ["directory", f"{mode & 0o777:o}"]
            else:
                with open(path, "rb") as file:
                    found[key] = ["file", f"{mode & 0o777:o}", digest(file.read())]
    return _short(dict(sorted(found.items())))


def _short(entries: dict[str, list[object]]) -> dict[str, list[object]]:
    """The entries, with one digest in place of those of a long directory."""
    for long in ("many", "moved"):
        inside = {path: entry for path, entry in entries.items() if path.startswith(f"{long}/")}
        if inside:
            entries = {path: entry for path, entry in entries.items() if path not in inside}
            entries[f"{long}/"] = [len(inside), digest(json.dumps(inside, sort_keys=True).encode())]
    return entries


def describe(store: Path, top: Path) -> dict[str, object]:
    """What a store of `make.py` holds, by commands and mounts alone. Mounts and unmounts it below `top`."""
    said: dict[str, object] = {}
    for name in ("animals", "pets", "renamed", "model", "gone"):
        shown = json.loads(command(store, "log", name, "--json"))
        said[f"log {name}"] = shown
    said["runs"] = [
        {k: v for k, v in run.items() if k != "seconds"} for run in json.loads(command(store, "runs", "--json"))
    ]
    said["lineage"] = sorted(command(store, "lineage", "model", "--format", "json").splitlines())
    said["verify"] = command(store, "history", "--verify")
    staging = top / "staging"
    staging.mkdir(exist_ok=True)
    mountpoint = _mountpoint(top)
    command(store, "mount", mountpoint, "--staging", staging)
    try:
        for ref in ("animals/v0", "animals/v1", "pets/v0", "renamed/latest", "animals/best"):
            said[ref] = tree(mountpoint / ref)
        said["weights"] = digest((mountpoint / "model" / "good" / "weights.bin").read_bytes())
        for draft in ("animals", "fresh"):
            said[f"draft {draft}"] = tree(staging / draft)
            said[f"status {draft}"] = sorted(command(store, "status", staging / draft).splitlines())
    finally:
        command(store, "umount", staging, mountpoint)
    return said


def main(top: Path) -> None:
    """Make the store, note what is in it, and pack it."""
    top.mkdir()
    store = top / "store"
    source = make_source(top)
    make_versions(store, source)
    make_drafts(store, top)
    shutil.copytree(store, top / "copy" / "store", symlinks=True)  # `describe` may change what it mounts
    (HERE / "expected.json").write_text(
        json.dumps(describe(top / "copy" / "store", top), indent=1, sort_keys=True) + "\n"
    )
    subprocess.run(["tar", "--sparse", "-cJf", HERE / "store.tar.xz", "-C", top, "store"], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
