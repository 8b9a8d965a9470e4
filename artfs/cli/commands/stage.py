"""`artfs stage`: open a draft."""

from __future__ import annotations

import os

import click

from artfs.cli.arguments import DRAFT, NAME, VERSION
from artfs.cli.command import command as artfs_command
from artfs.cli.output import json_option, json_text, print_document, print_result, shown
from artfs.cli.settings import Settings
from artfs.errors import ConflictError
from artfs.names import ArtifactName, quoted

__all__ = ["command"]


@artfs_command(
    "stage",
    examples=(
        "artfs stage animals",
        "artfs stage animals --from v3 --as animals-again",
        "artfs stage cats --from animals:best",
        "artfs stage animals --empty",
    ),
)
@click.argument("name", type=NAME)
@click.option("--as", "directory", metavar="DIR", type=DRAFT, help="The draft's directory. Default: NAME.")
@click.option("--from", "base", metavar="REF", type=VERSION, help="The version to show, as vN or REF. Default: latest.")
@click.option("--empty", is_flag=True, help="Show nothing, also where there is a version.")
@json_option
@click.pass_obj
def command(
    settings: Settings, name: ArtifactName, directory: str | None, base: str | None, empty: bool, as_json: bool
) -> None:
    """Open a draft: a writable directory that becomes a version.

    It shows the latest version if there is one, and copies nothing. Prints its directory in the staging mount.
    """
    from artfs.cli.drafts import ControlDirectory
    from artfs.cli.mounted import staging_of

    if base is not None and empty:
        raise click.UsageError("--from and --empty exclude each other: leave one out")
    top = os.fspath(staging_of(settings.store_path).mountpoint)
    draft = directory or name
    place = os.path.join(top, draft)
    if os.path.lexists(place):
        raise ConflictError(
            f"the draft {quoted(draft)} is open already, at {quoted(place)}: use it, or choose another directory with"
            " --as"
        )
    request = {"artifact": name, "as": draft, "from": base or "", "empty": empty}
    reply = ControlDirectory(top).ask("stage", request)
    if as_json:
        shows = reply.get("base") or None
        print_document({**json_text("path", os.fsencode(place)), "draft": draft, "artifact": name, "base": shows})
    else:
        print_result(shown(os.fsencode(place)), f"the draft {draft} is open")
