"""A file tree in memory: what a mount shows when its own behaviour is what is being tested."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from artfs.errors import NotFoundError
from artfs.vfs.attributes import Attr

Read: TypeAlias = Callable[[int, int], bytes]
"""Gives the bytes of a file from an offset on, so many at the most."""
Node: TypeAlias = "bytes | str | Read | Mapping[bytes, Node]"
"""A file, the target of a symlink, a file that does something when it is read, or a directory."""

FUNCTION_SIZE = 4096
"""The size of every file that is a function."""


class MemoryTree:
    """Implements `artfs.fuse.readonly.file_tree.FileTree`. The root is volatile, all below it is not.

    Args:
        root: What the mount's directory holds.
    """

    def __init__(self, root: Mapping[bytes, Node]) -> None:
        self._nodes: list[Node] = [b"", root]
        self._children: dict[int, dict[bytes, int]] = {}
        self._number(1, root)

    def _number(self, ino: int, directory: Mapping[bytes, Node]) -> None:
        self._children[ino] = {}
        for name, node in directory.items():
            self._children[ino][name] = child = len(self._nodes)
            self._nodes.append(node)
            if isinstance(node, Mapping):
                self._number(child, node)

    def _node(self, ino: int) -> Node:
        try:
            return self._nodes[ino]
        except IndexError:
            raise NotFoundError(f"no inode {ino}") from None

    def attr(self, ino: int) -> Attr:
        return self._attr(ino)

    def _attr(self, ino: int) -> Attr:
        node = self._node(ino)
        mtime = 1_700_000_000_000_000_000 + ino
        if isinstance(node, Mapping):
            return Attr(ino, stat.S_IFDIR | 0o555, 4096, mtime, ino == 1)
        if isinstance(node, str):
            return Attr(ino, stat.S_IFLNK | 0o777, len(os.fsencode(node)), mtime)
        return Attr(ino, stat.S_IFREG | 0o444, len(node) if isinstance(node, bytes) else FUNCTION_SIZE, mtime)

    def lookup(self, parent: int, name: bytes) -> Attr | None:
        child = self._children[parent].get(name)
        return None if child is None else self._attr(child)

    def is_volatile(self, ino: int) -> bool:
        return ino == 1

    def readlink(self, ino: int, _caller: int) -> bytes:
        node = self._node(ino)
        assert isinstance(node, str)
        return os.fsencode(node)

    def listdir(self, ino: int, offset: int) -> Iterator[tuple[bytes, Attr, int]]:
        children = list(self._children[ino].items())
        for place, (name, child) in enumerate(children[offset:], offset + 1):
            yield name, self._attr(child), place

    def read(self, ino: int, offset: int, size: int) -> bytes:
        node = self._node(ino)
        if callable(node):
            return node(offset, size)
        assert isinstance(node, bytes)
        return node[offset : offset + size]

    def xattr(self, ino: int, name: bytes) -> bytes | None:
        return b"%d" % ino if name == b"user.artfs.ino" else None

    def opened(self, ino: int, caller: int) -> None:
        """Nobody removes anything here, and no caller is of a run."""

    def closed(self, ino: int) -> None:
        """As `opened`."""

    def statfs(self) -> os.statvfs_result:
        return os.statvfs("/")
