"""Stores of earlier releases: opened, read, changed and checked as they are."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

_REFERENCES = re.compile(r',\s*"references":\s*\{[^}]*\}')
_V1 = Path(__file__).parents[1] / "data" / "store-v1"


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_store_v1", _V1 / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def old_store(tmp_path: Path) -> Path:
    """The store of tests/data/store-v1, unpacked: its index, packs, journal, runs, drafts and their redo logs."""
    subprocess.run(["tar", "-xJf", _V1 / "store.tar.xz", "-C", tmp_path], check=True)
    return tmp_path / "store"


@pytest.mark.parametrize("index", ["as it was", "deleted"])
def test_a_store_of_the_first_format_is_read_as_it_was_with_its_index_and_without(
    old_store: Path, tmp_path: Path, index: str
) -> None:
    """Versions, aliases, runs, lineage, the journal, and drafts whose last changes are in redo logs alone."""
    maker = _maker()
    if index == "deleted":
        shutil.rmtree(old_store / "index")
        maker.command(old_store, "fsck", "--repair")
    assert maker.command(old_store, "fsck", "--read-data").splitlines()[-1].startswith("no damage")
    described = json.loads(json.dumps(maker.describe(old_store, tmp_path)))
    described["lineage"] = [
        _REFERENCES.sub(
            "",
            line.replace(',"source":null', "").replace(',"links":[]', "").replace('"starts": ["version_31_0"], ', ""),
        )
        for line in described["lineage"]
    ]  # keys that it did not have
    expected = json.loads((_V1 / "expected.json").read_text())
    assert described == expected


def test_a_draft_of_the_first_format_is_committed_and_gc_takes_nothing_of_it(old_store: Path, tmp_path: Path) -> None:
    maker = _maker()
    expected = json.loads((_V1 / "expected.json").read_text())["draft animals"]
    mountpoint, staging = tmp_path / "mnt", tmp_path / "staging"
    mountpoint.mkdir()
    staging.mkdir()
    maker.command(old_store, "mount", mountpoint, "--staging", staging)
    try:
        assert maker.command(old_store, "commit", staging / "animals").strip() == "animals:v2"
        assert maker.tree(mountpoint / "animals" / "v2") == expected
        maker.command(old_store, "gc", "--now")
        assert maker.tree(staging / "animals") == expected
    finally:
        maker.command(old_store, "umount", staging, mountpoint)
    assert maker.command(old_store, "fsck", "--read-data").splitlines()[-1].startswith("no damage")
