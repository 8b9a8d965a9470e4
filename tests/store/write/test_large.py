"""Large things: memory that does not grow with a file, work that does not grow with a directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from artfs.catalog import current_actor
from artfs.drafts.gc_roots import collect_store
from artfs.names import parse_entry_path, parse_ref
from artfs.store import open_store
from artfs.store.tree.diff import diff_trees
from artfs.store.tree.pages import Pages
from tests.support.data.million import MILLION, store_million


def test_memory_does_not_grow_with_the_size_of_a_file(tmp_path: Path) -> None:
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(3 << 30)
        for place in range(0, 3 << 30, 64 << 20):
            file.seek(place)
            file.write(b"%d" % place)  # so that it is not one and the same chunk all over
    code = (
        "import pathlib, sys; from artfs.catalog import NewVersion; from artfs.store import open_store\n"
        "with open_store(sys.argv[1], create=True) as store: store.put([sys.argv[2]], NewVersion(name='huge'))\n"
        # not ru_maxrss, which a child takes over from the process that it was forked from
        "print(pathlib.Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "store", tmp_path / "huge"], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) * 1024 < 256 << 20  # a twelfth of the file
    with open_store(tmp_path / "store") as store:
        entry = store.entry(store.version(parse_ref("huge")), parse_entry_path("huge"))
        assert entry.size == 3 << 30
        assert bytes(store.content.read(entry, 64 << 20, 9)) == b"67108864\0"


def _bytes_given_to_write_calls() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


def test_adding_a_file_to_a_directory_of_a_million_writes_a_few_pages(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        store_million(store)
        before = _bytes_given_to_write_calls()
        version = store.commit(parse_ref("million"), {parse_entry_path("0500000-new"): b"new"}).version
        assert _bytes_given_to_write_calls() - before < 1_000_000
        assert version.entries == MILLION + 1
        loaded: list[bytes] = []

        def load(node: bytes) -> bytes:
            loaded.append(node)
            return store.node(node)

        old = store.version(parse_ref("million:v0"))
        found = diff_trees(old.tree.root, version.tree.root, Pages(load))
        assert [(difference.what, difference.path) for difference in found] == [("added", b"0500000-new")]
        assert len(loaded) < 20


def test_deleting_a_version_of_a_million_files_writes_a_few_pages_and_gc_gives_all_of_it_back(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        store_million(store)
        before = _bytes_given_to_write_calls()
        store.catalog.delete_artifact("million", current_actor())
        assert _bytes_given_to_write_calls() - before < 100_000
        before = _bytes_given_to_write_calls()
        assert collect_store(store, current_actor()).size > 30_000_000
        assert _bytes_given_to_write_calls() - before < 2_000_000
        assert not store.layout.packs.list()
