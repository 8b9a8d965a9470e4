"""`artfs clone`: copy a whole store."""

from __future__ import annotations

import os

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.copying import other_store
from artfs.cli.failure import terminable
from artfs.cli.render.output import json_option, print_document, print_done, size_text
from artfs.cli.render.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.documents.document import json_text
from artfs.errors import ConflictError
from artfs.names import printable

__all__ = ["command"]

_LEFT = "nothing shows in the new store before all of it is there: the same command goes on from what came"


@artfs_command("clone", examples=("artfs clone ~/team ~/copy-of-team",))
@click.argument("source", metavar="STORE", type=click.Path(readable=False))
@click.argument("directory", metavar="DIR", type=click.Path(readable=False))
@json_option
def command(source: str, directory: str, as_json: bool) -> None:
    """Make a store in DIR of all that another one has.

    All artifacts with their versions, numbers, aliases, runs and lineage; not what is deleted, nor drafts. DIR is new
    or empty, or has what a clone left that was cut off. They are two stores from then on: `artfs pull` takes what is
    new.
    """
    from artfs.catalog import current_actor
    from artfs.documents.bundles import imported_document
    from artfs.transfer import Wanted, copy_versions

    with (
        terminable(_LEFT),
        Settings(source).open_store() as given,
        other_store(Settings(source), directory).open_store(create=True) as target,
        progress_bar("cloning") as progress,
    ):
        with target.catalog.view() as view:
            if next(view.artifacts(), None) is not None or next(view.runs(), None) is not None:
                raise ConflictError(
                    f"{target.path} is a store that has versions or runs: name a new directory, or take into it what "
                    "you want with `artfs pull`"
                )
        with given.catalog.view() as view:
            versions = [version for artifact in view.artifacts() for version in view.versions(artifact.serial)]
        for version in versions:
            given.retain(version)
        wanted = Wanted(aliases=True, all_runs=True)
        copied = copy_versions(given, versions, target, current_actor(), wanted, progress=progress)
        path = target.path
    if as_json:
        print_document({**json_text("path", os.fsencode(path)), "dry_run": False, **imported_document(copied)})
        return
    received = copied.received
    what = f"{len(received.versions):,} versions and {received.runs:,} runs, stored {size_text(copied.written)}"
    print_done(f"{printable(str(path))} has {what}", "the clone is there")
