"""`artfs umount`: end a mount."""

from __future__ import annotations

import os

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import print_line, shown

__all__ = ["command"]


@artfs_command("umount", examples=("artfs umount /mnt/art", "artfs umount --lazy /mnt/art"))
@click.argument("directory", metavar="DIR", type=click.Path(readable=False))
@click.option("--lazy", is_flag=True, help="Take it away at once; open files can be read on until they are closed.")
def command(directory: str, lazy: bool) -> None:
    """Unmount a store; returns when its processes are gone."""
    from artfs.fuse import unmount

    unmount(directory, lazy=lazy)
    print_line(f"unmounted {shown(os.fsencode(directory))}")
