"""`artfs rename`: give an artifact another name."""

from __future__ import annotations

import click

from artfs.cli.arguments import NAME
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_done
from artfs.cli.settings import Settings
from artfs.names import ArtifactName

__all__ = ["command"]


@artfs_command("rename", examples=("artfs rename animals creatures",))
@click.argument("name", type=NAME)
@click.argument("new", type=NAME)
@json_option
@click.pass_obj
def command(settings: Settings, name: ArtifactName, new: ArtifactName, as_json: bool) -> None:
    """Rename an artifact, with all its versions and aliases."""
    from artfs.catalog import current_actor

    with settings.open_store_of(name) as store:
        store.catalog.rename(name, new, current_actor())
    if as_json:
        print_document({"name": new, "previous": name})
    else:
        print_done(new, f"{name} is renamed to {new}")
