"""Many processes put to one store and one name while it is mounted."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from artfs.store import open_store
from tests.support.data.catalogs import check
from tests.support.data.trees import snapshot
from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import wait_until

WRITERS = 8


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """A directory for each writer: half of what is in it all of them have."""
    common = {f"common-{number}": random.Random(number).randbytes(number * 3000) for number in range(100)}
    tops = []
    for writer in range(WRITERS):
        top = tmp_path / f"source-{writer}"
        (top / "below").mkdir(parents=True)
        for name, data in common.items():
            (top / "below" / name).write_bytes(data)
            (top / f"own-{name}").write_bytes(data[::-1] + b"%d" % writer)
        tops.append(top)
    return tops


def test_processes_that_put_at_once_make_a_version_each_and_all_are_whole(
    own: MountedStore, sources: list[Path]
) -> None:
    """S8: A commit, alias or deletion by another process shows within one second."""
    own.done("init")
    top = own.mount()
    artifact = top / "shared"
    started = [own.start("put", source, "-n", "shared", "-a", f"by-{source.name}") for source in sources]
    seen: set[str] = set()
    while any(process.poll() is None for process in started):
        for name in os.listdir(artifact) if artifact.exists() else []:
            # Whatever can be seen can be read, whole.
            if len(os.listdir(artifact / name)) == 101:
                seen.add(os.path.basename(os.path.realpath(artifact / name)))
            else:
                seen.add(f"{name} is not whole")
    ended = [(process.communicate(), process.returncode) for process in started]
    assert [(err, code) for (_out, err), code in ended] == [(b"", 0)] * WRITERS
    versions = {
        out.decode().strip().removeprefix("shared:"): source
        for ((out, _err), _code), source in zip(ended, sources, strict=True)
    }
    assert {*versions} == {f"v{index}" for index in range(WRITERS)}
    assert seen <= {*versions}
    wait_until(lambda: os.readlink(artifact / "latest") == f"v{WRITERS - 1}", 1.0)
    for name, source in versions.items():
        assert snapshot(artifact / name) == snapshot(source)
        assert os.readlink(artifact / f"by-{source.name}") == name
    with open_store(own.store) as opened:
        assert check(opened.catalog) == []
    assert own.troubles() == []
