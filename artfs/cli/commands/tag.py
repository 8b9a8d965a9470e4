"""`artfs tag`: add, remove and list tags."""

from __future__ import annotations

from collections.abc import Callable

import click

from artfs.cli.arguments import REF, TAG
from artfs.cli.command import ArtfsGroup, common_options
from artfs.cli.command import command as artfs_command
from artfs.cli.forgotten_colon import refuse_forgotten_colon
from artfs.cli.render.output import json_option, print_document, print_done, print_line
from artfs.cli.settings import Settings
from artfs.errors import NotFoundError
from artfs.names import Tag, VersionRef

__all__ = ["command"]


@click.group(
    "tag",
    cls=ArtfsGroup,
    no_args_is_help=False,
    examples=(
        "artfs tag add animals:v3 clean 'no duplicates'",
        "artfs tag ls animals",
        "artfs tag rm animals:v3 clean",
    ),
)
@common_options
def command() -> None:
    """Add, remove and list the tags of a version."""


@artfs_command("add", examples=("artfs tag add animals:v3 clean", "artfs tag add animals clean 'no duplicates'"))
@click.argument("ref", type=REF)
@click.argument("tags", metavar="TAG...", type=TAG, nargs=-1, required=True)
@json_option
@click.pass_obj
def add(settings: Settings, ref: VersionRef, tags: tuple[Tag, ...], as_json: bool) -> None:
    """Give a version tags, beside those that it has."""
    if len(tags) > 1:
        with settings.open_store_of(ref.name) as store:
            otherwise = f"for a tag of that name give the version too, as in `artfs tag add {ref.name}:vN {tags[0]}`"
            refuse_forgotten_colon(store, ref, tags[0], "artfs tag add", otherwise)
    _change(settings, ref, lambda old: (*old, *tags), as_json)


@artfs_command("rm", examples=("artfs tag rm animals:v3 clean",))
@click.argument("ref", type=REF)
@click.argument("tags", metavar="TAG...", type=TAG, nargs=-1, required=True)
@json_option
@click.pass_obj
def rm(settings: Settings, ref: VersionRef, tags: tuple[Tag, ...], as_json: bool) -> None:
    """Remove tags from a version: all that are named, or none."""

    def without(old: tuple[str, ...]) -> tuple[str, ...]:
        missing = [tag for tag in tags if tag not in old]
        if missing:
            raise NotFoundError(f"{ref} has no tag {missing[0]}: `artfs tag ls {ref}` shows its tags")
        return tuple(tag for tag in old if tag not in tags)

    _change(settings, ref, without, as_json)


@artfs_command("ls", examples=("artfs tag ls animals", "artfs tag ls animals:v3 --json"))
@click.argument("ref", type=REF)
@json_option
@click.pass_obj
def ls(settings: Settings, ref: VersionRef, as_json: bool) -> None:
    """List the tags of a version, in the order in which it got them."""
    with settings.open_store() as store:
        version = store.version(ref)
    if as_json:
        print_document({"artifact": ref.name, "version": version.name, "tags": list(version.tags)})
    else:
        for tag in version.tags:
            print_line(tag)


def _change(
    settings: Settings, ref: VersionRef, change: Callable[[tuple[str, ...]], tuple[str, ...]], as_json: bool
) -> None:
    from artfs.catalog import VersionEdit, current_actor

    with settings.open_store_of(ref.name) as store:
        version = store.catalog.edit_version(ref, lambda old: VersionEdit(tags=change(old.tags)), current_actor())
    if as_json:
        print_document({"artifact": ref.name, "version": version.name, "tags": list(version.tags)})
    else:
        print_done(f"{ref.name}:{version.name}", "the change is made")


for _part in (add, rm, ls):
    command.add_command(_part)
