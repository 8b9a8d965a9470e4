"""`artfs put`: store files and directories as a new version."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from artfs.cli.arguments import NAME, metadata_of
from artfs.cli.command import command as artfs_command
from artfs.cli.documents import version_document
from artfs.cli.failure import terminable
from artfs.cli.newversion import version_options
from artfs.cli.output import json_option, print_document, print_result
from artfs.cli.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.errors import SourceError
from artfs.names import Alias, ArtifactName, ArtifactType, Tag, quoted
from artfs.store.source import refuse_store

__all__ = ["command"]


@artfs_command(
    "put",
    examples=(
        "artfs put images/ -n animals",
        "artfs put images/ -n animals -a best --meta source=camera-3 --tag clean --if-changed",
        "artfs put weights.bin config.json -n detector -t model -m 'trained on animals:v3' --meta lr=0.01",
    ),
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(readable=False))
@click.option("-n", "--name", required=True, type=NAME, help="The artifact.")
@version_options
@json_option
@click.pass_obj
def command(
    settings: Settings,
    paths: tuple[str, ...],
    name: ArtifactName,
    type_: ArtifactType | None,
    aliases: tuple[Alias, ...],
    description: str,
    meta: tuple[tuple[str, Any], ...],
    tags: tuple[Tag, ...],
    ttl: int | None,
    if_changed: bool,
    as_json: bool,
) -> None:
    """Store files or directories as a new version.

    One directory gives its contents; several paths go in under their names. Prints the version as NAME:vN.
    """
    from artfs.catalog import NewVersion, current_actor, encode_metadata

    version = partial(
        NewVersion,
        name=name,
        type=type_,
        aliases=aliases,
        description=description,
        metadata=encode_metadata(metadata_of(meta)),
        tags=tags,
        ttl_ns=ttl or None,
    )
    _check_sources(paths, settings.store_path)
    with (
        terminable(),
        settings.open_store(create=True) as store,
        progress_bar("storing") as progress,
    ):
        run = settings.run_in(store)
        new = version(logged_by=run)
        logged = store.put(paths, new, who=current_actor(run), if_changed=if_changed, progress=progress)
        with store.catalog.view() as view:
            document = version_document(view, logged.version)
    if as_json:
        print_document({**document, "logged": logged.created})
    else:
        ref = document["ref"]
        print_result(ref, f"{ref} is stored")


def _check_sources(paths: tuple[str, ...], store: Path) -> None:
    """Meet what cannot be stored before a store is made for it."""
    for path in paths:
        try:
            os.stat(path)
        except OSError as error:
            raise SourceError(f"cannot read {quoted(path)}: {error.strerror}; nothing was stored") from error
        refuse_store(os.fsencode(path), os.fsencode(store))
