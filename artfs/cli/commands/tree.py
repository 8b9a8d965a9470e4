"""`artfs tree`: draw a version as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import PATH_REF
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_line, shown, size_text, write
from artfs.cli.settings import Settings
from artfs.documents.artifacts import entry_document
from artfs.format.node import Entry, Kind
from artfs.names import PathRef
from artfs.store.read.symlinks import entry_to_list

if TYPE_CHECKING:
    from artfs.store import Store

__all__ = ["command"]


@artfs_command(
    "tree", examples=("artfs tree animals", "artfs tree animals:v3/images -L 2", "artfs tree animals --json")
)
@click.argument("ref", metavar="REF[/PATH]", type=PATH_REF)
@click.option("-L", "--depth", type=click.IntRange(min=1), metavar="N", help="Go N levels down at most.")
@json_option
@click.pass_obj
def command(settings: Settings, ref: PathRef, depth: int | None, as_json: bool) -> None:
    """Draw a version, or one of its directories, as a tree."""
    with settings.open_store() as store:
        named, path = settings.locate(store, ref)
        version = store.version(named)
        entry = entry_to_list(store, version, path)
        if as_json:
            _print_json(store, b"/".join(path), entry, depth)
            return
        print_line("/".join([f"{named.name}:{version.name}", *map(shown, path)]))
        directories = files = 0
        for prefix, child in _drawn(store, entry, depth):
            target = f" -> {shown(child.extra)}" if child.kind == Kind.SYMLINK else ""
            print_line(f"{prefix}{shown(child.name)}{'/' if child.kind == Kind.DIRECTORY else ''}{target}")
            directories += child.kind == Kind.DIRECTORY
            files += child.kind != Kind.DIRECTORY
        print_line(
            f"\n{_count(directories, 'directory', 'directories')}, {_count(files, 'file', 'files')}, "
            f"{size_text(entry.size)}"
        )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _children(store: Store, entry: Entry) -> Iterator[Entry]:
    return store.children(entry) if entry.kind == Kind.DIRECTORY else iter(())


def _drawn(store: Store, top: Entry, depth: int | None) -> Iterator[tuple[str, Entry]]:
    """Yield all entries below `top`, with the branches to draw before them."""
    children = _children(store, top)
    stack = [("", children, next(children, None))]
    while stack:
        prefix, children, entry = stack.pop()
        if entry is None:
            continue
        following = next(children, None)
        stack.append((prefix, children, following))
        yield prefix + ("├── " if following else "└── "), entry
        if depth is None or len(stack) < depth:
            below = _children(store, entry)
            stack.append((prefix + ("│   " if following else "    "), below, next(below, None)))


def _print_json(store: Store, path: bytes, top: Entry, depth: int | None) -> None:
    """Write nested objects as they come, without recursion: a version may be deeper than Python's stack."""
    write(_object(path, top, opened=top.kind == Kind.DIRECTORY))
    stack = [(path, store.children(top))] if top.kind == Kind.DIRECTORY else []
    separator = b"\n"
    while stack:
        path, children = stack[-1]
        entry = next(children, None)
        if entry is None:
            stack.pop()
            write(b"]}")
            separator = b",\n"
            continue
        inner = path + b"/" + entry.name if path else entry.name
        opened = entry.kind == Kind.DIRECTORY and (depth is None or len(stack) < depth)
        write(separator + _object(inner, entry, opened=opened))
        separator = b"\n" if opened else b",\n"
        if opened:
            stack.append((inner, store.children(entry)))
    write(b"\n")


def _object(path: bytes, entry: Entry, *, opened: bool) -> bytes:
    """Encode an entry; with `opened`, up to the array of `children`, which the caller writes and closes."""
    import msgspec

    data = msgspec.json.encode(entry_document(path, entry))
    return data[:-1] + b',"children":[' if opened else data
