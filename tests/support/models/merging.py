"""Three-way merge of trees that are nested dictionaries: the model that merges of the store are compared with."""

from __future__ import annotations

import os
import random
import stat
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Folder", "Leaf", "Node", "copy_node", "merge_nodes", "random_change", "read_folder", "write_folder"]

_NAMES = ("a", "b", "c", "d")


@dataclass
class Leaf:
    """A file."""

    content: bytes
    mode: int = 0o644


@dataclass
class Folder:
    """A directory."""

    mode: int = 0o755
    names: dict[str, Node] = field(default_factory=dict)


Node = Leaf | Folder


def copy_node(node: Node) -> Node:
    """A copy that shares nothing."""
    if isinstance(node, Leaf):
        return Leaf(node.content, node.mode)
    return Folder(node.mode, {name: copy_node(inner) for name, inner in node.names.items()})


def merge_nodes(
    base: Node | None, ours: Node | None, theirs: Node | None, conflicts: list[str], path: str
) -> Node | None:
    """The merge of three nodes at a path; appends the paths at which both changed, each in its own way."""
    if ours in (theirs, base):
        return theirs
    if base == theirs:
        return ours
    if not isinstance(ours, Folder) or not isinstance(theirs, Folder):
        conflicts.append(path)
        return theirs
    old = base if isinstance(base, Folder) else None
    mode = theirs.mode
    if old is not None and old.mode == theirs.mode:
        mode = ours.mode
    elif ours.mode not in (theirs.mode, None if old is None else old.mode):
        conflicts.append(f"{path}/")
    merged = Folder(mode)
    before = {} if old is None else old.names
    for name in before.keys() | ours.names.keys() | theirs.names.keys():
        below = f"{path}/{name}" if path else name
        node = merge_nodes(before.get(name), ours.names.get(name), theirs.names.get(name), conflicts, below)
        if node is not None:
            merged.names[name] = node
    return merged


def random_change(top: Folder, dice: random.Random) -> None:
    """Change one thing: a file, a mode, or what a name leads to; add, remove or move one."""
    folder, depth = top, 0
    while True:
        inner = [node for node in folder.names.values() if isinstance(node, Folder)]
        if not inner or dice.random() < 0.4:
            break
        folder, depth = dice.choice(inner), depth + 1
    name = dice.choice(_NAMES)
    old = folder.names.get(name)
    match dice.choice(("file", "file", "folder", "mode", "remove", "move")):
        case "file":
            folder.names[name] = Leaf(b"%d" % dice.randrange(3), dice.choice((0o644, 0o644, 0o755)))
        case "folder" if depth < 3 and not isinstance(old, Folder):
            folder.names[name] = Folder(dice.choice((0o755, 0o755, 0o700)))
        case "mode" if old is not None:
            old.mode = dice.choice((0o700, 0o711, 0o755))
        case "remove":
            folder.names.pop(name, None)
        case "move" if old is not None and not isinstance(old, Folder):
            top.names[dice.choice(_NAMES)] = folder.names.pop(name)


def read_folder(directory: Path) -> Folder:
    """The tree of a directory on a file system."""
    folder = Folder(stat.S_IMODE(directory.stat().st_mode))
    for entry in os.scandir(directory):
        mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
        place = directory / entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        folder.names[entry.name] = read_folder(place) if is_folder else Leaf(place.read_bytes(), mode)
    return folder


def write_folder(directory: Path, wanted: Folder) -> None:
    """Make a directory what a tree is, changing only what differs."""
    found = read_folder(directory)
    for name, there in found.names.items():
        if type(wanted.names.get(name)) is not type(there):
            _remove(directory / name, there)
    for name, new in wanted.names.items():
        old = found.names.get(name)
        place = directory / name
        if isinstance(new, Folder):
            if not isinstance(old, Folder):
                place.mkdir()
            write_folder(place, new)
        elif old != new:
            place.write_bytes(new.content)
            place.chmod(new.mode)
    if stat.S_IMODE(directory.stat().st_mode) != wanted.mode:
        directory.chmod(wanted.mode)


def _remove(place: Path, node: Node) -> None:
    if isinstance(node, Leaf):
        place.unlink()
        return
    for name, inner in node.names.items():
        _remove(place / name, inner)
    place.rmdir()
