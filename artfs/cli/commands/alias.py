"""`artfs alias`: the movable names of versions."""

from __future__ import annotations

import click

from artfs.cli.arguments import ALIAS, NAME, REF
from artfs.cli.command import ArtfsGroup
from artfs.cli.command import command as artfs_command
from artfs.cli.output import json_option, print_document, print_documents, print_result, print_table
from artfs.cli.settings import Settings
from artfs.errors import InvalidInputError, NotFoundError
from artfs.names import Alias, ArtifactName, VersionRef, printable

__all__ = ["command"]


@click.group(
    "alias",
    cls=ArtfsGroup,
    no_args_is_help=False,
    examples=("artfs alias add animals:v3 best", "artfs alias ls animals", "artfs alias rm animals:best"),
)
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

    with settings.open_store() as store:
        version = store.catalog.set_alias(ref, alias, current_actor())
    if as_json:
        print_document({"artifact": ref.name, "alias": alias, "version": version.name})
    else:
        line = f"{ref.name}:{alias} -> {version.name}"
        print_result(printable(line), f"{line} is set")


@artfs_command("rm", examples=("artfs alias rm animals:best",))
@click.argument("ref", metavar="NAME:ALIAS", type=REF)
@json_option
@click.pass_obj
def rm(settings: Settings, ref: VersionRef, as_json: bool) -> None:
    """Remove an alias; the version stays."""
    from artfs.catalog import current_actor

    if isinstance(ref.selector, int):
        raise InvalidInputError(f"{ref} is a version: name an alias as {ref.name}:ALIAS, or remove it with `artfs rm`")
    with settings.open_store() as store:
        store.catalog.remove_alias(ref.name, ref.selector, current_actor())
    if as_json:
        print_document({"artifact": ref.name, "alias": ref.selector})
    else:
        print_result(printable(f"removed alias {ref}"), "the alias is removed")


@artfs_command("ls", examples=("artfs alias ls animals", "artfs alias ls animals --json"))
@click.argument("name", type=NAME)
@json_option
@click.pass_obj
def ls(settings: Settings, name: ArtifactName, as_json: bool) -> None:
    """List the aliases of an artifact."""
    with settings.open_store() as store, store.catalog.view() as view:
        artifact = view.artifact_by_name(name)
        if artifact is None:
            raise NotFoundError(f"artifact {name} does not exist: `artfs ls` shows which do")
        aliases = view.aliases(artifact.serial)
    if as_json:
        print_documents({"alias": row.name, "version": f"v{row.index}"} for row in aliases)
    else:
        print_table(("ALIAS", "VERSION"), [(row.name, f"v{row.index}") for row in aliases])


for _part in (add, rm, ls):
    command.add_command(_part)
