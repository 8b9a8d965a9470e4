"""`artfs mount`: every version of every artifact as a directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import finish, print_line, shown
from artfs.cli.settings import Settings

if TYPE_CHECKING:
    from artfs.fuse import MountInfo

__all__ = ["command"]


@artfs_command(
    "mount",
    examples=(
        "artfs mount /mnt/art",
        "artfs mount /mnt/art --foreground",
        "artfs mount ~/art --workers 4 --cache-mib 256",
    ),
)
@click.argument("directory", metavar="DIR", type=click.Path(readable=False))
@click.option("--foreground", is_flag=True, help="Stay until it is unmounted; Ctrl-C unmounts.")
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes that serve. Default: by cores.")
@click.option(
    "--max-workers",
    type=click.IntRange(1, 1024),
    default=32,
    metavar="N",
    show_default=True,
    help="Processes at most, when all are waiting for something slow.",
)
@click.option("--allow-other", is_flag=True, help="Let other users read it too.")
@click.option(
    "--cache-mib",
    type=click.IntRange(min=0),
    default=64,
    metavar="N",
    show_default=True,
    help="Memory for decompressed chunks, shared by all workers.",
)
@click.pass_obj
def command(
    settings: Settings,
    directory: str,
    foreground: bool,
    workers: int | None,
    max_workers: int,
    allow_other: bool,
    cache_mib: int,
) -> None:
    """Mount the store at an empty directory, read-only.

    Each version is a directory DIR/NAME/vN, each alias a symlink DIR/NAME/ALIAS. Returns when the mount answers; it is
    served in the background until `artfs umount DIR`.
    """
    from artfs.fuse import MountOptions, mount

    if workers is not None and workers > max_workers:
        raise click.UsageError("--workers is more than --max-workers: raise that too")
    options = MountOptions(workers=workers, max_workers=max_workers, allow_other=allow_other, cache_mib=cache_mib)
    mount(settings.store_path, directory, options, foreground=foreground, on_ready=_ready)
    if not foreground:
        print_line(f"mounted {shown(os.fsencode(settings.store_path))} at {shown(os.fsencode(directory))}")


def _ready(info: MountInfo) -> None:
    """Say so while the mount is served in the foreground."""
    store, mountpoint = os.fsencode(info.store), os.fsencode(info.mountpoint)
    print_line(f"mounted {shown(store)} at {shown(mountpoint)}; Ctrl-C unmounts")
    finish()
