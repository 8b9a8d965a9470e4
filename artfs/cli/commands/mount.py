"""`artfs mount`: mount the store read-only, and its drafts writable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import MOUNT_POINT
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import finish, json_option, print_document, print_done, shown
from artfs.cli.settings import Settings
from artfs.documents.document import json_text
from artfs.errors import MountError

if TYPE_CHECKING:
    from artfs.fuse import MountInfo, MountOptions

__all__ = ["command"]


@artfs_command(
    "mount",
    examples=(
        "artfs mount ~/art",
        "artfs mount ~/art --staging ~/stage",
        "artfs mount ~/art --foreground",
        "artfs mount ~/art --workers 4 --cache-mib 256",
    ),
)
@click.argument("directory", metavar="DIR", type=MOUNT_POINT)
@click.option("--staging", metavar="DIR", type=MOUNT_POINT, help="Mount the drafts too, writable, here.")
@click.option("--foreground", is_flag=True, help="Stay until it is unmounted; Ctrl-C unmounts.")
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes that serve. Default: by cores.")
@click.option(
    "--max-workers",
    type=click.IntRange(1, 1024),
    default=128,
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
@json_option
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
    as_json: bool,
) -> None:
    """Mount the store at an empty directory, read-only.

    The directory is made if it is missing and the one above it is there. Each version is a directory DIR/NAME/vN,
    each alias a symlink DIR/NAME/ALIAS. With --staging there is a second mount with a writable directory per draft:
    `artfs stage` opens one, `artfs commit` makes a version of it. Returns when the mounts answer; they are served in
    the background until `artfs umount DIR...`. Makes the store if there is none.
    """
    from artfs.fuse import MountOptions, mount

    if workers is not None and workers > max_workers:
        raise click.UsageError("--workers is more than --max-workers: raise that too")
    options = MountOptions(workers=workers, max_workers=max_workers, allow_other=allow_other, cache_mib=cache_mib)
    store = settings.store_path
    if not settings.has_store:
        settings.open_or_make_store().close()  # closed, since mounting forks
    if foreground:
        with _staged(store, staging, options):
            mount(store, directory, options, foreground=True, on_ready=partial(_ready, staging, as_json))
        return
    mount(store, directory, options)
    if staging is not None:
        _stage_too(store, directory, staging, options)
    _print_mounted(store, directory, staging, as_json=as_json)


def _stage_too(store: Path, directory: str, staging: str, options: MountOptions) -> None:
    """Mount the drafts too; if that fails, unmount the store."""
    from artfs.fuse import mount_staging

    try:
        mount_staging(store, staging, options)
    except BaseException:
        _end(directory)
        raise


@contextmanager
def _staged(store: Path, staging: str | None, options: MountOptions) -> Iterator[None]:
    """Mount the drafts, by a daemon, while the store is mounted in the foreground."""
    if staging is None:
        yield
        return
    from artfs.fuse import mount_staging

    mount_staging(store, staging, options)
    try:
        yield
    finally:
        _end(staging)


def _end(directory: str) -> None:
    """Unmount; lazily if it is in use."""
    from artfs.fuse import unmount

    try:
        unmount(directory)
    except MountError:
        with suppress(MountError):  # somebody else unmounted it
            unmount(directory, lazy=True)


def _ready(staging: str | None, as_json: bool, info: MountInfo) -> None:
    """Print that the mount in the foreground answers."""
    _print_mounted(info.store, os.fspath(info.mountpoint), staging, as_json=as_json, remark="; Ctrl-C unmounts")
    finish()


def _print_mounted(store: Path, directory: str, staging: str | None, *, as_json: bool, remark: str = "") -> None:
    """Print what is mounted where."""
    if as_json:
        drafts = {"staging": None} if staging is None else json_text("staging", os.fsencode(staging))
        place = {**json_text("store", os.fsencode(store)), **json_text("path", os.fsencode(directory))}
        print_document({**place, **drafts})
        return
    source, done = shown(os.fsencode(store)), "it is mounted"
    print_done(f"mounted {source} at {shown(os.fsencode(directory))}{remark}", done)
    if staging is not None:
        print_done(f"mounted the drafts of {source} at {shown(os.fsencode(staging))}", done)
