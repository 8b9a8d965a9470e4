"""`artfs discard`: close a draft."""

from __future__ import annotations

import os

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import json_option, json_text, print_document, print_result, shown
from artfs.errors import MountError
from artfs.names import quoted

__all__ = ["command"]


@artfs_command("discard", examples=("artfs discard /mnt/stage/animals", "artfs discard --force /mnt/stage/animals"))
@click.argument("directory", metavar="DIR", type=click.Path(readable=False))
@click.option("--force", is_flag=True, help="Even if it has changes that are in no version.")
@json_option
def command(directory: str, force: bool, as_json: bool) -> None:
    """Close a draft and remove what is in it; versions stay.

    DIR is the draft's own directory. One with changes that are in no version is closed only with --force.
    """
    from artfs.cli.drafts import ControlDirectory, own_draft

    draft = own_draft(directory)
    top, name = os.path.split(draft.top)
    mount = ControlDirectory(top)
    if not os.path.lexists(mount.path("discard")):
        raise MountError(f"{quoted(draft.top)} is the draft, without its mount around it: discard it where that is")
    mount.ask("discard", {"name": name, "force": force})
    if as_json:
        print_document({**json_text("path", os.fsencode(draft.top)), "draft": name})
    else:
        print_result(f"discarded {shown(os.fsencode(directory))}", f"{name} is discarded")
