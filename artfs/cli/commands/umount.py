"""`artfs umount`: unmount a store or its drafts."""

from __future__ import annotations

import os

import click

from artfs.cli.arguments import MOUNTED
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_documents, print_done, print_note, shown
from artfs.documents.document import json_text
from artfs.errors import MountError

__all__ = ["command"]


@artfs_command(
    "umount",
    examples=(
        "artfs umount ~/art",
        "artfs umount ~/art ~/stage",
        "artfs umount --lazy ~/art",
        "artfs umount --give-up ~/stage",
    ),
)
@click.argument("directories", nargs=-1, required=True, metavar="DIR...", type=MOUNTED)
@click.option("--lazy", is_flag=True, help="Take it away at once; open files can be used on until they are closed.")
@click.option("--give-up", is_flag=True, help="Do not wait for a commit: the draft is kept as it is.")
@json_option
def command(directories: tuple[str, ...], lazy: bool, give_up: bool, as_json: bool) -> None:
    """Unmount a store, or its drafts, which are kept.

    Returns when the processes that served it are gone. A commit that has begun is finished first; Ctrl-C ends the
    waiting, not the commit. One that is given up may have made its version: `artfs log` says so. Of several
    directories all are tried.
    """
    from artfs.fuse import unmount

    failures = []
    done = []
    for directory in directories:
        try:
            unmount(directory, lazy=lazy, give_up=give_up, on_wait=_show_wait)
        except MountError as error:
            failures.append(error)
        else:
            done.append(directory)
            if not as_json:
                print_done(f"unmounted {shown(os.fsencode(directory))}", "it is unmounted")
    if as_json:
        print_documents(json_text("path", os.fsencode(directory)) for directory in done)
    if failures:
        raise MountError("; ".join(map(str, failures)))


def _show_wait(doing: str) -> None:
    """Write what the command waits for."""
    if doing:
        print_note(f"waiting for the {doing}; Ctrl-C leaves it going on")
