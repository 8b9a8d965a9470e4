"""`artfs mount`: every version of every artifact as a directory, and the drafts beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import finish, print_line, shown
from artfs.cli.settings import Settings
from artfs.errors import MountError

if TYPE_CHECKING:
    from artfs.fuse import MountInfo, MountOptions

__all__ = ["command"]


@artfs_command(
    "mount",
    examples=(
        "artfs mount /mnt/art",
        "artfs mount /mnt/art --staging /mnt/stage",
        "artfs mount /mnt/art --foreground",
        "artfs mount ~/art --workers 4 --cache-mib 256",
    ),
)
@click.argument("directory", metavar="DIR", type=click.Path(readable=False))
@click.option("--staging", metavar="DIR", type=click.Path(readable=False), help="Mount the drafts too, writable, here.")
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
    staging: str | None,
    foreground: bool,
    workers: int | None,
    max_workers: int,
    allow_other: bool,
    cache_mib: int,
) -> None:
    """Mount the store at an empty directory, read-only.

    Each version is a directory DIR/NAME/vN, each alias a symlink DIR/NAME/ALIAS. With --staging there is a second mount
    with a writable directory per draft: `artfs stage` opens one, `artfs commit` makes a version of it. Returns when the
    mounts answer; they are served in the background until `artfs umount DIR...`.
    """
    from artfs.fuse import MountOptions, mount

    if workers is not None and workers > max_workers:
        raise click.UsageError("--workers is more than --max-workers: raise that too")
    options = MountOptions(workers=workers, max_workers=max_workers, allow_other=allow_other, cache_mib=cache_mib)
    store = settings.store_path
    if foreground:
        with _staged(store, staging, options):
            mount(store, directory, options, foreground=True, on_ready=_ready)
        return
    mount(store, directory, options)
    if staging is not None:
        _stage_too(store, directory, staging, options)
    print_line(f"mounted {shown(os.fsencode(store))} at {shown(os.fsencode(directory))}")
    if staging is not None:
        print_line(_drafts_line(store, staging))


def _stage_too(store: Path, directory: str, staging: str, options: MountOptions) -> None:
    """Mount the drafts, or nothing at all."""
    from artfs.fuse import mount_staging

    try:
        mount_staging(store, staging, options)
    except BaseException:
        _end(directory)
        raise


@contextmanager
def _staged(store: Path, staging: str | None, options: MountOptions) -> Iterator[None]:
    """Have the drafts mounted, by a daemon, for as long as the store is mounted in the foreground."""
    if staging is None:
        yield
        return
    from artfs.fuse import mount_staging

    mount_staging(store, staging, options)
    try:
        print_line(_drafts_line(store, staging))
        yield
    finally:
        _end(staging)


def _end(directory: str) -> None:
    """Unmount; what is in use ends with its users."""
    from artfs.fuse import unmount

    try:
        unmount(directory)
    except MountError:
        with suppress(MountError):  # somebody else unmounted it
            unmount(directory, lazy=True)


def _drafts_line(store: Path, staging: str) -> str:
    return f"mounted the drafts of {shown(os.fsencode(store))} at {shown(os.fsencode(staging))}"


def _ready(info: MountInfo) -> None:
    """Say so while the mount is served in the foreground."""
    store, mountpoint = os.fsencode(info.store), os.fsencode(info.mountpoint)
    print_line(f"mounted {shown(store)} at {shown(mountpoint)}; Ctrl-C unmounts")
    finish()
