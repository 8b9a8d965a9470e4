"""`artfs init`: make a store."""

from __future__ import annotations

import os

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_done
from artfs.cli.settings import Settings
from artfs.documents.document import json_text
from artfs.errors import ConflictError
from artfs.names import printable

__all__ = ["command"]


@artfs_command("init", examples=("artfs init", "artfs init ~/artifacts", "artfs init --shared ~/of-the-group"))
@click.argument("directory", required=False, metavar="[STORE]", type=click.Path(readable=False))
@click.option("--shared", is_flag=True, help="Make it for all users of the directory's group.")
@json_option
@click.pass_obj
def command(settings: Settings, directory: str | None, shared: bool, as_json: bool) -> None:
    """Make a store in a new or empty directory.

    `artfs put`, `artfs run` and `artfs mount` do it too when there is none. A store that is there already stays as it
    is.

    With --shared all users of a group work on it: of the group of the directory, if that is there already, or of yours.
    Whatever their umask, the group may read and write all files in it, and it has the setgid bit on directories.
    """
    if directory is not None:
        settings.store = directory
    path, existed = settings.store_path, settings.has_store
    with settings.open_store(create=True, shared=shared) as opened:
        made = opened.layout.format
    if shared and not made.shared:
        raise ConflictError(f"{path} is a store already, and not shared: make another one, and copy versions to it")
    if as_json:
        place = json_text("store", os.fsencode(path))
        print_document({**place, "id": made.store_id, "shared": made.shared, "created": not existed})
    else:
        said = printable(str(path))
        print_done(f"{said} is a store already" if existed else f"made a store in {said}", "the store is made")
