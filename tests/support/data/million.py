"""A version with a million files in one directory, made in seconds."""

from __future__ import annotations

from artfs.catalog import NewVersion, current_actor
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.store import Store
from artfs.store.tree.build import build_directory
from artfs.store.write.content_writer import ContentWriter

__all__ = ["MILLION", "store_million"]

MILLION = 1_000_000


def store_million(store: Store, files: int = MILLION) -> None:
    """Publish a flat directory of a million files of a few bytes, without making them on a disk first."""
    contents = [b"%d" % number for number in range(1000)]
    digests = [digest(content) for content in contents]
    with ContentWriter(store.layout, store.catalog) as writer:
        writer.append(writer.prepare(contents))
        top = build_directory(
            (Entry(b"%07d" % n, Kind.FILE, 0o644, n, len(contents[n % 1000]), digests[n % 1000]) for n in range(files)),
            writer,
        )
        writer.flush()
    tree = Tree(top.node, top.digest, top.size, top.below, 0o755, 0)
    store.catalog.create_version(NewVersion(name="million"), tree, current_actor())
