"""`artfs rm`: delete a version, or a whole artifact."""

from __future__ import annotations

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.output import json_option, print_document, print_result
from artfs.cli.settings import Settings
from artfs.errors import InvalidInputError
from artfs.names import LATEST, ArtifactName, VersionRef

__all__ = ["command"]


@artfs_command(
    "rm",
    examples=(
        "artfs rm animals:v3",
        "artfs rm animals:v3 --delete-aliases",
        "artfs rm animals --keep-last 5",
        "artfs rm animals --all",
    ),
)
@click.argument("ref", type=REF)
@click.option("--delete-aliases", is_flag=True, help="Also when it has aliases other than latest; they go with it.")
@click.option("--all", "whole", is_flag=True, help="The whole artifact: all its versions.")
@click.option(
    "--keep-last",
    type=click.IntRange(min=1),
    metavar="N",
    help="All versions but the newest N and those that have aliases (with --delete-aliases, those too).",
)
@json_option
@click.pass_obj
def command(
    settings: Settings, ref: VersionRef, delete_aliases: bool, whole: bool, keep_last: int | None, as_json: bool
) -> None:
    """Delete one version; a bare NAME means its latest.

    If `latest` is deleted it falls back to the newest version left. The space comes back at the next gc.
    """
    from artfs.catalog import current_actor
    from artfs.store.reserve import give_way

    if whole and keep_last is not None:
        raise click.UsageError("--all and --keep-last contradict each other")
    if (whole or keep_last is not None) and ref.selector != LATEST:
        option = "--all" if whole else "--keep-last"
        raise InvalidInputError(f"{ref} is one version: give {option} with the artifact's name alone")
    if keep_last is not None:
        _keep_last(settings, ref.name, keep_last, delete_aliases, as_json)
        return
    with settings.open_store() as store, give_way(store.path):
        if whole:
            removed = store.catalog.delete_artifact(ref.name, current_actor(), delete_aliases=delete_aliases).name
        else:
            version = store.catalog.delete_version(ref, current_actor(), delete_aliases=delete_aliases)
            removed = f"{ref.name}:{version.name}"
    if as_json:
        print_document({"removed": removed})
    else:
        print_result(f"removed {removed}", f"{removed} is removed")


def _keep_last(settings: Settings, name: ArtifactName, count: int, delete_aliases: bool, as_json: bool) -> None:
    from artfs.catalog import current_actor
    from artfs.store.reserve import give_way

    with settings.open_store() as store, give_way(store.path):
        gone = store.catalog.keep_last(name, count, current_actor(), delete_aliases=delete_aliases)
    removed = [f"{name}:{version.name}" for version in gone]
    if as_json:
        print_document({"removed": removed})
    else:
        for one in removed:
            print_result(f"removed {one}", f"{len(removed)} versions are removed")
