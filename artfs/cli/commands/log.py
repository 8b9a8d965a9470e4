"""`artfs log`: the versions of an artifact."""

from __future__ import annotations

from itertools import islice

import click

from artfs.cli.arguments import NAME
from artfs.cli.command import command as artfs_command
from artfs.cli.documents import version_document
from artfs.cli.output import json_option, print_documents, print_table
from artfs.cli.settings import Settings
from artfs.cli.text import local_time, size_text
from artfs.errors import NotFoundError
from artfs.names import ArtifactName

__all__ = ["command"]

_HEADER = ("VERSION", "LOGGED", "SIZE", "ENTRIES", "ALIASES", "TAGS", "DESCRIPTION")


@artfs_command("log", examples=("artfs log animals", "artfs log animals -n 5 --json"))
@click.argument("name", type=NAME)
@click.option("-n", "--max-count", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@json_option
@click.pass_obj
def command(settings: Settings, name: ArtifactName, max_count: int | None, as_json: bool) -> None:
    """List the versions of an artifact, the newest first."""
    with settings.open_store() as store, store.catalog.view() as view:
        artifact = view.artifact_by_name(name)
        if artifact is None:
            raise NotFoundError(f"artifact {name} does not exist: `artfs ls` shows which do")
        versions = islice(view.versions(artifact.serial, newest_first=True), max_count)
        if as_json:
            print_documents(version_document(view, version) for version in versions)
            return
        bearers: dict[int, list[str]] = {}
        for alias in view.aliases(artifact.serial):
            bearers.setdefault(alias.index, []).append(alias.name)
        rows = (
            (
                version.name,
                local_time(version.created_ns),
                size_text(version.size),
                f"{version.entries:,}",
                ",".join(bearers.get(version.index, ())),
                ",".join(version.tags),
                version.description,
            )
            for version in versions
        )
        print_table(_HEADER, rows, right=(2, 3))
