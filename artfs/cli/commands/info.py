"""`artfs info`: the store's card."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.mounted import mounts_of
from artfs.cli.output import Document, json_option, json_text, print_document, print_line, shown
from artfs.cli.settings import Settings
from artfs.cli.text import size_text

if TYPE_CHECKING:
    from artfs.fuse import MountInfo
    from artfs.store import Store

__all__ = ["command"]


@artfs_command("info", examples=("artfs info", "artfs --store /data/artifacts info --json"))
@json_option
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """Show where the store is, what it holds, and where it is mounted."""
    with settings.open_store() as store:
        mounts = mounts_of(store.path)
        document = _document(store, mounts)
    if as_json:
        print_document(document)
        return
    lines = {
        "store": shown(os.fsencode(store.path)),
        "id": document["id"],
        "format": str(document["format"]),
        "artifacts": f"{document['artifacts']:,}",
        "versions": f"{document['versions']:,} with {size_text(document['size'])} of files",
        "packs": f"{document['packs']:,} with {size_text(document['pack_bytes'])}",
        "index": size_text(document["index_bytes"]),
        "free": f"{size_text(document['free_bytes'])} on the store's file system",
    }
    for label, text in lines.items():
        print_line(f"{label + ':':<11}{text}")
    for mount in mounts:
        print_line(f"{'drafts:' if mount.staging else 'mounted:':<11}{_mounted(mount)}")
    if not mounts:
        print_line(f"{'mounted:':<11}nowhere")


def _document(store: Store, mounts: list[MountInfo]) -> Document:
    with store.catalog.view() as view:
        artifacts = list(view.artifacts())
        sizes = [version.size for artifact in artifacts for version in view.versions(artifact.serial)]
        packs = [row.size for _pack, row in view.packs()]
        changes = view.state().seq
    room = os.statvfs(store.path)
    return {
        **json_text("store", os.fsencode(store.path)),
        "id": store.layout.format.store_id,
        "format": store.layout.format.version,
        "artifacts": len(artifacts),
        "versions": len(sizes),
        "size": sum(sizes),
        "packs": len(packs),
        "pack_bytes": sum(packs),
        "index_bytes": sum(file.stat().st_blocks * 512 for file in store.layout.index.iterdir()),
        "changes": changes,
        "free_bytes": room.f_bavail * room.f_frsize,
        "mounts": [_mount_document(mount) for mount in mounts],
    }


def _mount_document(mount: MountInfo) -> Document:
    return {**json_text("path", os.fsencode(mount.mountpoint)), "pid": mount.pid, "staging": mount.staging}


def _mounted(mount: MountInfo) -> str:
    where = shown(os.fsencode(mount.mountpoint))
    if mount.pid is None:
        return f"{where}, but its daemon is gone: `artfs umount` cleans up"
    return f"{where} by process {mount.pid}"
