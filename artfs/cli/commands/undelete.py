"""`artfs undelete`: take back the deletion of a version."""

from __future__ import annotations

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.output import json_option, print_document, print_result
from artfs.cli.settings import Settings
from artfs.errors import InvalidInputError
from artfs.names import VersionRef

__all__ = ["command"]


@artfs_command("undelete", examples=("artfs undelete animals:v3",))
@click.argument("ref", metavar="NAME:vN", type=REF)
@json_option
@click.pass_obj
def command(settings: Settings, ref: VersionRef, as_json: bool) -> None:
    """Bring a deleted version back; until the next gc that can be done.

    Its artifact comes back too, if that was deleted. The aliases that were deleted with it stay deleted; latest names
    the newest version.
    """
    from artfs.catalog import current_actor

    if not isinstance(ref.selector, int):
        raise InvalidInputError(f"{ref} names no version: a deleted version is named as {ref.name}:vN")
    with settings.open_store() as store:
        store.catalog.undelete_version(ref.name, ref.selector, current_actor())
    if as_json:
        print_document({"undeleted": str(ref)})
    else:
        print_result(f"brought back {ref}", f"{ref} is brought back")
