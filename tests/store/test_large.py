"""Large things: memory that does not grow with a file, work that does not grow with a directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from artfs.catalog import NewVersion, current_actor
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.names import parse_entry_path, parse_ref
from artfs.store import Store, open_store
from artfs.store.chunkstore import ChunkWriter
from artfs.store.nodes import NodeWriter
from artfs.store.session import WriterSession
from artfs.store.tree.build import build_directory
from artfs.store.tree.diff import diff_trees
from artfs.store.tree.pages import Pages

_MILLION = 1_000_000


def test_memory_does_not_grow_with_the_size_of_a_file(tmp_path: Path) -> None:
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(3 << 30)
        for place in range(0, 3 << 30, 64 << 20):
            file.seek(place)
            file.write(b"%d" % place)  # so that it is not one and the same chunk all over
    code = (
        "import resource, sys; from artfs.catalog import NewVersion; from artfs.store import open_store\n"
        "with open_store(sys.argv[1], create=True) as store: store.put([sys.argv[2]], NewVersion(name='huge'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "store", tmp_path / "huge"], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) * 1024 < 300 << 20
    with open_store(tmp_path / "store") as store:
        entry = store.entry(store.version(parse_ref("huge")), parse_entry_path("huge"))
        assert entry.size == 3 << 30
        assert bytes(store.content.read(entry, 64 << 20, 9)) == b"67108864\0"


def _store_million(store: Store) -> None:
    """Publish a flat directory of a million files of a few bytes, without making them on a disk first."""
    contents = [b"%d" % number for number in range(1000)]
    digests = [digest(content) for content in contents]
    with WriterSession(store.layout.tmp) as session, ChunkWriter(store.layout, store.catalog, session) as chunks:
        chunks.append(chunks.prepare(contents))
        nodes = NodeWriter(store.layout, store.catalog, session, chunks)
        top = build_directory(
            (
                Entry(b"%07d" % n, Kind.FILE, 0o644, n, len(contents[n % 1000]), digests[n % 1000])
                for n in range(_MILLION)
            ),
            nodes,
        )
        nodes.flush()
    tree = Tree(top.node, top.digest, top.size, top.below, 0o755, 0)
    store.catalog.create_version(NewVersion(name="million"), tree, current_actor())


def _bytes_given_to_write_calls() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


def test_adding_a_file_to_a_directory_of_a_million_writes_a_few_pages(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        _store_million(store)
        before = _bytes_given_to_write_calls()
        version = store.commit(parse_ref("million"), {parse_entry_path("0500000-new"): b"new"}).version
        assert _bytes_given_to_write_calls() - before < 1_000_000
        assert version.entries == _MILLION + 1
        loaded: list[bytes] = []

        def load(node: bytes) -> bytes:
            loaded.append(node)
            return store.node(node)

        old = store.version(parse_ref("million:v0"))
        found = diff_trees(old.tree.root, version.tree.root, Pages(load))
        assert [(difference.what, difference.path) for difference in found] == [("added", b"0500000-new")]
        assert len(loaded) < 20
