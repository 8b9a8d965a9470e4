"""`artfs stage`: create a draft."""

from __future__ import annotations

import os

import click

from artfs.cli.arguments import DRAFT, REF, VERSION
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_result, shown
from artfs.cli.settings import Settings
from artfs.documents.document import json_text
from artfs.errors import ConflictError, NotFoundError, StoreError
from artfs.names import LATEST, ArtifactName, VersionRef, is_version_like, quoted
from artfs.spelling import nearest

__all__ = ["command"]


@artfs_command(
    "stage",
    examples=(
        "artfs stage animals",
        "artfs stage animals:v3 --as animals-again",
        "artfs stage cats --from animals:best",
        "artfs stage animals --empty",
        "artfs stage birds --new",
    ),
)
@click.argument("ref", type=REF)
@click.option("--as", "directory", metavar="DIR", type=DRAFT, help="The draft's directory. Default: NAME.")
@click.option("--from", "base", metavar="REF", type=VERSION, help="The version to show, as vN or REF. Default: latest.")
@click.option("--empty", is_flag=True, help="Show nothing, also where there is a version.")
@click.option("--new", is_flag=True, help="Of an artifact that is not there yet: the first commit makes it.")
@json_option
@click.pass_obj
def command(
    settings: Settings,
    ref: VersionRef,
    directory: str | None,
    base: str | None,
    empty: bool,
    new: bool,
    as_json: bool,
) -> None:
    """Open a draft: a writable directory that becomes a version.

    It shows the version that REF names, by default the latest, and copies nothing. A commit makes the next version of
    the artifact, whichever version the draft shows. Prints its directory in the staging mount.
    """
    from artfs.cli.control_client.control_directory import ControlDirectory
    from artfs.cli.control_client.mounted import lost_store, staging_of

    if base is not None and empty:
        raise click.UsageError("--from and --empty exclude each other: leave one out")
    if ref.selector != LATEST:
        if base is not None or empty or new:
            raise click.UsageError(f"{ref} names the version to show: leave --from, --empty and --new out")
        base = str(ref)
    elif new and base is not None:
        raise click.UsageError("--new and --from exclude each other: --from shows a version in a new artifact too")
    name = ref.name
    top = os.fspath(staging_of(settings.store_path).mountpoint)
    draft = directory or name.rpartition("/")[2]
    place = os.path.join(top, draft)
    if os.path.lexists(place):
        raise ConflictError(
            f"the draft {quoted(draft)} is open already, at {quoted(place)}: use it, or choose another directory with"
            " --as"
        )
    if base is None and lost_store(os.path.realpath(top)) is None:  # else the mount says what is wrong
        _check_artifact(settings, name, new=new, empty=empty)
    elif base is not None and ":" not in base and not is_version_like(base):
        _check_base(settings, name, base)
    request = {"artifact": name, "as": draft, "from": base or "", "empty": empty}
    reply = ControlDirectory(top).ask("stage", request)
    if as_json:
        shows = reply.get("base") or None
        print_document({**json_text("path", os.fsencode(place)), "draft": draft, "artifact": name, "base": shows})
    else:
        print_result(shown(os.fsencode(place)), f"the draft {draft} is open")


def _check_base(settings: Settings, name: ArtifactName, base: str) -> None:
    """Refuse an alias without its artifact, which would be taken for another artifact.

    A store that this process cannot open has a mount that can, or that says what is wrong.
    """
    try:
        with settings.open_store() as store, store.catalog.view() as view:
            artifact = view.artifact_by_name(name)
            is_alias = artifact is not None and view.alias(artifact.serial, base) is not None
            if not is_alias or view.artifact_by_name(base) is not None:
                return
    except StoreError:
        return
    raise NotFoundError(f"artifact {base} does not exist, and is an alias of {name}: write `--from {name}:{base}`")


def _check_artifact(settings: Settings, name: ArtifactName, *, new: bool, empty: bool) -> None:
    """Refuse a name that no artifact has and that may be a slip, unless the draft is to make a new one.

    A store that this process cannot open has a mount that can, or that says what is wrong.
    """
    try:
        with settings.open_store() as store, store.catalog.view() as view:
            exists = view.artifact_by_name(name) is not None
            others = [] if exists else [artifact.name for artifact in view.artifacts()]
    except StoreError:
        return
    if exists and new:
        raise ConflictError(f"artifact {name} exists already: leave --new out to begin with its latest version")
    if exists or new or empty:
        return
    alike = nearest(name, others)
    meant = f"did you mean {alike}? " if alike else ""
    raise NotFoundError(f"artifact {name} does not exist: {meant}`artfs stage {name} --new` opens a draft to make it")
