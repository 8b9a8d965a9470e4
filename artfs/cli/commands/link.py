"""`artfs link`: put a version under another name."""

from __future__ import annotations

import click

from artfs.cli.arguments import ALIAS, NAME, REF
from artfs.cli.command import command as artfs_command
from artfs.cli.forgotten_colon import refuse_forgotten_colon
from artfs.cli.render.output import json_option, print_document, print_result
from artfs.cli.settings import Settings
from artfs.documents.artifacts import version_document
from artfs.names import Alias, ArtifactName, VersionRef

__all__ = ["command"]


@artfs_command("link", examples=("artfs link detector:best released-detector", "artfs link animals:v3 zoo -a stable"))
@click.argument("ref", type=REF)
@click.argument("name", type=NAME)
@click.option("-a", "--alias", "aliases", multiple=True, type=ALIAS, help="An alias for the link (repeatable).")
@json_option
@click.pass_obj
def command(settings: Settings, ref: VersionRef, name: ArtifactName, aliases: tuple[Alias, ...], as_json: bool) -> None:
    """Put a version under another name, as the next version of NAME. Prints it as NAME:vN.

    The link has the lineage of its source: what uses it uses that. It takes no space, and stays whole when the source
    is deleted. A link that is there already gets the aliases; a link of a link leads to its source.
    """
    from artfs.catalog import current_actor

    with settings.open_store_of(ref.name) as store:
        with store.catalog.view() as view:
            is_new = view.artifact_by_name(name) is None
        if is_new:
            otherwise = f"for an artifact of that name give the version too, as in `artfs link {ref.name}:vN {name}`"
            refuse_forgotten_colon(store, ref, name, "artfs link", otherwise)
        logged = store.catalog.link(ref, name, current_actor(settings.run_in(store)), aliases=aliases)
        with store.catalog.view() as view:
            document = version_document(view, logged.version)
    if as_json:
        print_document(document)
    else:
        print_result(document["ref"], f"{document['ref']} is {'made' if logged.created else 'there already'}")
