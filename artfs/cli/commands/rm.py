"""`artfs rm`: delete a version, or a whole artifact."""

from __future__ import annotations

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.output import json_option, print_document, print_result
from artfs.cli.settings import Settings
from artfs.errors import InvalidInputError
from artfs.names import LATEST, VersionRef

__all__ = ["command"]


@artfs_command("rm", examples=("artfs rm animals:v3", "artfs rm animals:v3 --delete-aliases", "artfs rm animals --all"))
@click.argument("ref", type=REF)
@click.option("--delete-aliases", is_flag=True, help="Also when it has aliases other than latest; they go with it.")
@click.option("--all", "whole", is_flag=True, help="The whole artifact: all its versions.")
@json_option
@click.pass_obj
def command(settings: Settings, ref: VersionRef, delete_aliases: bool, whole: bool, as_json: bool) -> None:
    """Delete one version; a bare NAME means its latest.

    If `latest` is deleted it falls back to the newest version left. The space comes back at the next gc.
    """
    from artfs.catalog import current_actor

    if whole and ref.selector != LATEST:
        raise InvalidInputError(f"{ref} is one version: give --all with the artifact's name alone")
    with settings.open_store() as store:
        if whole:
            removed = store.catalog.delete_artifact(ref.name, current_actor(), delete_aliases=delete_aliases).name
        else:
            version = store.catalog.delete_version(ref, current_actor(), delete_aliases=delete_aliases)
            removed = f"{ref.name}:{version.name}"
    if as_json:
        print_document({"removed": removed})
    else:
        print_result(f"removed {removed}", f"{removed} is removed")
