"""`artfs log`: list the versions of an artifact."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import NAME, TAG
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_documents, print_table, size_text
from artfs.cli.settings import Settings
from artfs.documents.artifacts import version_document
from artfs.documents.document import local_time
from artfs.names import ArtifactName, Tag

if TYPE_CHECKING:
    from artfs.catalog import Version, View

__all__ = ["command"]

_HEADER = ("VERSION", "LOGGED", "SIZE", "ENTRIES", "ALIASES", "TAGS", "DESCRIPTION")


@artfs_command("log", examples=("artfs log animals", "artfs log animals -n 5 --json", "artfs log animals --tag clean"))
@click.argument("name", type=NAME)
@click.option("-n", "--max-count", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@click.option("--tag", "tags", multiple=True, type=TAG, help="Only those with this tag (repeatable: with all of them).")
@json_option
@click.pass_obj
def command(
    settings: Settings, name: ArtifactName, max_count: int | None, tags: tuple[Tag, ...], as_json: bool
) -> None:
    """List the versions of an artifact, the newest first."""
    with settings.open_store() as store, store.catalog.view() as view:
        artifact = view.resolve_artifact(name)
        found = (one for one in view.versions(artifact.serial, newest_first=True) if set(tags) <= set(one.tags))
        versions = islice(found, max_count)
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
                _about(view, version),
            )
            for version in versions
        )
        print_table(_HEADER, rows, right=(2, 3))


def _about(view: View, version: Version) -> str:
    source = f"(contents of {version.source})" if version.source else ""
    if view.link(version) is not None:
        source = f"(link to {view.ref(view.source(version))})"
    return f"{version.description} {source}".strip()
