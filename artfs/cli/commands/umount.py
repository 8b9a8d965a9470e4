"""`artfs umount`: end mounts."""

from __future__ import annotations

import os

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import print_line, shown
from artfs.errors import MountError

__all__ = ["command"]


@artfs_command(
    "umount",
    examples=("artfs umount /mnt/art", "artfs umount /mnt/art /mnt/stage", "artfs umount --lazy /mnt/art"),
)
@click.argument("directories", nargs=-1, required=True, metavar="DIR...", type=click.Path(readable=False))
@click.option("--lazy", is_flag=True, help="Take it away at once; open files can be used on until they are closed.")
def command(directories: tuple[str, ...], lazy: bool) -> None:
    """Unmount a store, or its drafts, which are kept.

    Returns when the processes that served it are gone. Of several directories all are tried.
    """
    from artfs.fuse import unmount

    failures = []
    for directory in directories:
        try:
            unmount(directory, lazy=lazy)
        except MountError as error:
            failures.append(error)
        else:
            print_line(f"unmounted {shown(os.fsencode(directory))}")
    if failures:
        raise MountError("; ".join(map(str, failures)))
