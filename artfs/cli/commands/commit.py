"""`artfs commit`: make the next version of a draft."""

from __future__ import annotations

import sys
from typing import Any

import click

from artfs.cli.arguments import metadata_of
from artfs.cli.command import command as artfs_command
from artfs.cli.newversion import version_options
from artfs.cli.output import finish, json_option, print_document, print_result
from artfs.errors import ConflictError
from artfs.names import Alias, ArtifactType, Tag, printable

__all__ = ["command"]

_MAX_WAIT = 3600


@artfs_command(
    "commit",
    examples=(
        "artfs commit /mnt/stage/animals",
        "artfs commit /mnt/stage/animals -a best -m 'without duplicates' --meta checked=true",
        "artfs commit --if-changed --wait 60",
    ),
)
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(readable=False))
@version_options
@click.option("--force", is_flag=True, help="Make a version even if nothing was touched.")
@click.option(
    "--wait",
    type=click.FloatRange(0, _MAX_WAIT),
    default=5.0,
    metavar="SECONDS",
    show_default=True,
    help="How long to wait for files that are open for writing, and for another commit.",
)
@json_option
def command(
    directory: str,
    type_: ArtifactType | None,
    aliases: tuple[Alias, ...],
    description: str,
    meta: tuple[tuple[str, Any], ...],
    tags: tuple[Tag, ...],
    ttl: int | None,
    if_changed: bool,
    force: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Make the next version of a draft.

    DIR is the draft's directory or anything in it, by default where you are. What `DIR/.artfs/meta` says of the version
    holds too; options go before it. Prints the version as NAME:vN. Writing goes on meanwhile.
    """
    from artfs.cli.committing import commit
    from artfs.cli.drafts import find_draft
    from artfs.cli.progress import percent_bar

    request = {
        "message": description,
        "type": type_,
        "aliases": aliases,
        "tags": tags,
        "metadata": _metadata(meta),
        "ttl_ns": ttl or None,
        "if_changed": if_changed,
        "force": force,
        "wait": wait,
    }
    draft = find_draft(directory)
    with percent_bar("committing") as show:
        done = commit(draft, request, show)
    if not done.created:
        _say_why(done.ref, if_changed=if_changed)
    if as_json:
        name, _colon, version = done.ref.partition(":")
        print_document({"ref": done.ref, "artifact": name, "version": version, "logged": done.created})
    else:
        print_result(done.ref, f"{done.ref} is made")


def _metadata(pairs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """What `--meta` says, by the rules of metadata; loads the catalog's only if there is something to hold to them."""
    if not pairs:
        return {}
    from artfs.catalog import decode_metadata, encode_metadata

    return decode_metadata(encode_metadata(metadata_of(pairs)))


def _say_why(ref: str, *, if_changed: bool) -> None:
    """Tell a person why there is no new version."""
    if not ref:
        raise ConflictError("the draft is empty and there is no version yet: put something into it, or add --force")
    if if_changed:
        said = f"{ref} has the same contents: no other version was made"
    else:
        said = (
            f"nothing was touched since {ref}: no other version was made, and {ref} is as it was "
            "(--force makes one; `artfs edit`, `artfs alias` and `artfs tag` change it)"
        )
    finish()
    if sys.stderr is not None:
        sys.stderr.write(f"artfs: {printable(said)}\n")
