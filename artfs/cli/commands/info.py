"""`artfs info`: summary of the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_line, print_note, size_text
from artfs.cli.settings import Settings
from artfs.documents.document import Document, json_text
from artfs.documents.stores import info_document
from artfs.errors import ArtfsError
from artfs.mountinfo import mounts_of
from artfs.names import printable

if TYPE_CHECKING:
    from artfs.fuse import MountInfo

__all__ = ["command"]


@artfs_command("info", examples=("artfs info", "artfs --store ~/artifacts info --json"))
@json_option
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """Show where the store is, what it holds, and where it is mounted.

    If there is a cache of objects elsewhere, also its size and what it saved; it is yours, for all stores.
    """
    with settings.open_store() as store:
        mounts = mounts_of(store.path)
        document = {**info_document(store, mounts), "cache": _cache_document()}
    if as_json:
        print_document(document)
        return
    lines = {
        "store": printable(os.fsencode(store.path)),
        "id": document["id"],
        "format": str(document["format"]),
        "artifacts": f"{document['artifacts']:,}",
        "versions": f"{document['versions']:,} with {size_text(document['size'])} of files",
        "packs": f"{document['packs']:,} with {size_text(document['pack_bytes'])}",
        "index": size_text(document["index_bytes"]),
        "reserve": f"{size_text(document['reserve_bytes'])}, given up for deletions on a full disk",
        "free": f"{size_text(document['free_bytes'])} on the store's file system",
    }
    for label, text in lines.items():
        print_line(f"{label + ':':<11}{text}")
    for mount in mounts:
        print_line(f"{'drafts:' if mount.staging else 'mounted:':<11}{_mounted(mount)}")
    if not mounts:
        print_line(f"{'mounted:':<11}nowhere")
    if (cache := document["cache"]) is not None:
        size = f"{size_text(cache['used'])} of at most {size_text(cache['size'])}"
        print_line(f"{'cache:':<11}{size}; {cache['hits']:,} reads from it, {cache['requests']:,} requests to servers")


def _cache_document() -> Document | None:
    """Return what the counters of the user's cache say; None, and the reason on stderr if it is one, without a cache.

    The objects in it are not counted, as `artfs cache show` does: there may be many.
    """
    from artfs.objects.environment import cache_directory

    try:
        directory = cache_directory(os.environ)
        if not (directory / "counters").exists():
            return None
        from artfs.objects.cache import Cache
        from artfs.objects.settings import load_settings

        with Cache(directory, load_settings(os.environ).cache.bytes()) as cache:
            counts = cache.counters.get()
            return {
                **json_text("directory", os.fsencode(directory)),
                "size": cache.budget,
                "used": counts["used_bytes"],
                "hits": counts["hits"],
                "requests": counts["requests"],
            }
    except ArtfsError as error:
        print_note(str(error))
        return None


def _mounted(mount: MountInfo) -> str:
    where = printable(os.fsencode(mount.mountpoint))
    if mount.pid is None and not mount.declared:
        return where
    if mount.pid is None:
        return f"{where}, but its daemon is gone: `artfs umount` cleans up"
    return f"{where} by process {mount.pid}"
