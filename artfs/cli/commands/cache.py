"""`artfs cache`: what is kept on the disk of objects elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from artfs.cli.command import ArtfsGroup, common_options
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_done, print_line, size_text
from artfs.documents.document import json_text
from artfs.names import printable

if TYPE_CHECKING:
    from artfs.objects.cache import Cache

__all__ = ["command"]


@click.group("cache", cls=ArtfsGroup, no_args_is_help=False, examples=("artfs cache show", "artfs cache clear"))
@common_options
def command() -> None:
    """Show or clear what is cached of objects elsewhere."""


@artfs_command("show", examples=("artfs cache show", "artfs cache show --json"))
@json_option
def show(as_json: bool) -> None:
    """Show how large the cache is, and what it saved.

    It is the user's, for all stores: what was read of references to S3, GCS, Azure and web servers.
    """
    with _cache() as cache:
        use = cache.use()
        directory = os.fsencode(cache.directory)
    if as_json:
        print_document(
            {
                **json_text("directory", directory),
                "size": use.budget,
                "used": use.used_bytes,
                "objects": use.objects,
                "kept": use.kept,
                "kept_bytes": use.kept_bytes,
                "hits": use.hits,
                "hit_bytes": use.hit_bytes,
                "requests": use.requests,
                "fetched_bytes": use.fetched_bytes,
            }
        )
        return
    lines = {
        "cache": printable(directory),
        "size": f"{size_text(use.used_bytes)} of at most {size_text(use.budget)}",
        "objects": f"{use.objects:,}, {use.kept:,} of them kept with {size_text(use.kept_bytes)}",
        "hits": f"{use.hits:,} reads of {size_text(use.hit_bytes)}",
        "requests": f"{use.requests:,} for {size_text(use.fetched_bytes)}",
    }
    for label, text in lines.items():
        print_line(f"{label + ':':<11}{text}")


@artfs_command("clear", examples=("artfs cache clear", "artfs cache clear --all"))
@click.option("--all", "everything", is_flag=True, help="Also what `artfs warm --keep` holds.")
@json_option
def clear(everything: bool, as_json: bool) -> None:
    """Remove what is cached; it is fetched again when it is read."""
    with _cache() as cache:
        freed = cache.clear(kept=everything)
    if as_json:
        print_document({"freed": freed})
    else:
        print_done(f"freed {size_text(freed)}", "cleared")


command.add_command(show)
command.add_command(clear)


@contextmanager
def _cache() -> Iterator[Cache]:
    from artfs.objects.cache import Cache
    from artfs.objects.environment import environment
    from artfs.objects.fetcher.settings import FetcherSettings

    settings = FetcherSettings.of_environment(environment())
    with Cache(settings.directory, settings.budget) as cache:
        yield cache
