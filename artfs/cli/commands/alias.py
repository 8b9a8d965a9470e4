"""`artfs alias`: add, remove and list aliases."""

from __future__ import annotations

import click

from artfs.cli.arguments import ALIAS, NAME, REF
from artfs.cli.command import ArtfsGroup, common_options
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_documents, print_done, print_table
from artfs.cli.settings import Settings
from artfs.errors import InvalidInputError
from artfs.names import Alias, ArtifactName, VersionRef, printable

__all__ = ["command"]


@click.group(
    "alias",
    cls=ArtfsGroup,
    no_args_is_help=False,
    examples=("artfs alias add animals:v3 best", "artfs alias ls animals", "artfs alias rm animals:best"),
)
@common_options
def command() -> None:
    """Add, remove and list the aliases of an artifact."""


@artfs_command("add", examples=("artfs alias add animals:v3 best", "artfs alias add animals production"))
@click.argument("ref", type=REF)
@click.argument("alias", type=ALIAS)
@json_option
@click.pass_obj
def add(settings: Settings, ref: VersionRef, alias: Alias, as_json: bool) -> None:
    """Give a version an alias, or move the alias to it."""
    from artfs.catalog import current_actor

    with settings.open_store_of(ref.name) as store:
        version = store.catalog.set_alias(ref, alias, current_actor())
    if as_json:
        print_document({"artifact": ref.name, "alias": alias, "version": version.name})
    else:
        line = f"{ref.name}:{alias} -> {version.name}"
        print_done(printable(line), f"{line} is set")


@artfs_command("rm", examples=("artfs alias rm animals:best",))
@click.argument("ref", metavar="NAME:ALIAS", type=REF)
@json_option
@click.pass_obj
def rm(settings: Settings, ref: VersionRef, as_json: bool) -> None:
    """Remove an alias; the version stays."""
    from artfs.catalog import current_actor

    if isinstance(ref.selector, int):
        raise InvalidInputError(f"{ref} is a version: name an alias as {ref.name}:ALIAS, or remove it with `artfs rm`")
    with settings.open_store_of(ref.name) as store:
        store.catalog.remove_alias(ref.name, ref.selector, current_actor())
    if as_json:
        print_document({"artifact": ref.name, "alias": ref.selector})
    else:
        print_done(printable(f"removed alias {ref}"), "the alias is removed")


@artfs_command("ls", examples=("artfs alias ls", "artfs alias ls animals", "artfs alias ls animals --json"))
@click.argument("name", type=NAME, required=False)
@json_option
@click.pass_obj
def ls(settings: Settings, name: ArtifactName | None, as_json: bool) -> None:
    """List the aliases of an artifact, or of all artifacts."""
    if name is None:
        _list_all(settings, as_json)
        return
    with settings.open_store() as store, store.catalog.view() as view:
        artifact = view.resolve_artifact(name)
        aliases = view.aliases(artifact.serial)
    if as_json:
        print_documents({"alias": row.name, "version": f"v{row.index}"} for row in aliases)
    else:
        print_table(("ALIAS", "VERSION"), [(row.name, f"v{row.index}") for row in aliases])


def _list_all(settings: Settings, as_json: bool) -> None:
    with settings.open_store() as store, store.catalog.view() as view:
        aliases = [(artifact.name, row) for artifact in view.artifacts() for row in view.aliases(artifact.serial)]
    if as_json:
        print_documents({"artifact": name, "alias": row.name, "version": f"v{row.index}"} for name, row in aliases)
    else:
        rows = [(f"{name}:{row.name}", f"{name}:v{row.index}") for name, row in aliases]
        print_table(("ALIAS", "VERSION"), rows)


for _part in (add, rm, ls):
    command.add_command(_part)
