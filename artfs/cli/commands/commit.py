"""`artfs commit`: make the next version of a draft."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from artfs.cli.arguments import RUN, metadata_of, version_options
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_note, print_result
from artfs.cli.same_contents import note_same_contents
from artfs.errors import ArtfsError, ConflictError, MergeConflictError
from artfs.names import Alias, ArtifactType, Tag

if TYPE_CHECKING:
    from artfs.cli.control_client.control_directory import ControlDirectory

__all__ = ["command"]

_MAX_WAIT = 3600


@artfs_command(
    "commit",
    examples=(
        "artfs commit ~/stage/animals",
        "artfs commit ~/stage/animals -a best -m 'without duplicates' --meta checked=true",
        "artfs commit --if-changed --wait 60",
        "artfs commit ~/stage/animals --merge",
        "artfs commit ~/stage/weights --run baseline",
        "artfs commit ~/stage/animals --merge --mine labels.csv --theirs images",
    ),
)
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(readable=False))
@version_options
@click.option("--force", is_flag=True, help="Make a version even if nothing was touched.")
@click.option("--accept-damage", is_flag=True, help="Commit a draft whose log was damaged: it may lack changes.")
@click.option("--merge", is_flag=True, help="Put the draft's changes onto a version that came meanwhile.")
@click.option(
    "--mine",
    metavar="PATH",
    multiple=True,
    help="Merge, and where both changed PATH keep the draft's; a directory is all below it, . is all (repeatable).",
)
@click.option(
    "--theirs", metavar="PATH", multiple=True, help="Merge, and take PATH from the version that came (repeatable)."
)
@click.option("--replace", is_flag=True, help="Make a version of the draft's contents alone, also where one came.")
@click.option("--run", type=RUN, help="The run that made it, by id or name. Default: those that wrote into the draft.")
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
    accept_damage: bool,
    merge: bool,
    mine: tuple[str, ...],
    theirs: tuple[str, ...],
    replace: bool,
    run: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Make the next version of a draft.

    DIR is the draft's directory or anything in it, by default where you are. What `DIR/.artfs/meta` says of the version
    holds too; options go before it. Prints the version as NAME:vN. Writing goes on meanwhile.

    Runs whose processes wrote into the draft since its last commit log the version, also those that have ended: it is
    an output of theirs, as `artfs lineage` shows.

    Where the artifact has a newer version than the one that the draft is made from, a commit is refused, since its
    version would lack what is new in that. With --merge it has both: a path that was changed in only one of them is as
    it is there. Paths that were changed in both, each in its own way, are conflicts: nothing is committed, and --json
    prints all of them. Say for each which side is right, with --mine or --theirs; of several PATHs that one is in, the
    longest counts. PATH is relative to the draft.
    """
    from artfs.cli.control_client.commit import commit
    from artfs.cli.control_client.control_directory import find_draft
    from artfs.cli.merge_conflicts import path_in_draft, with_commands
    from artfs.cli.render.progress import percent_bar

    merge = merge or bool(mine or theirs)
    if merge and replace:
        raise click.UsageError("--merge, --mine and --theirs are not for --replace: leave one out")
    draft = find_draft(directory)
    request = {
        "message": description,
        "type": type_,
        "aliases": aliases,
        "tags": tags,
        "metadata": _metadata(meta),
        "ttl_seconds": ttl // 1_000_000_000 if ttl else None,
        "if_changed": if_changed,
        "force": force,
        "accept_damage": accept_damage,
        "merge": merge,
        "mine": [path_in_draft(draft, path) for path in mine],
        "theirs": [path_in_draft(draft, path) for path in theirs],
        "replace": replace,
        "logged_by": run or "",
        "wait": wait,
    }
    try:
        with percent_bar("committing") as show:
            done = commit(draft, request, show)
    except MergeConflictError as error:
        conflicts = draft.read_json("conflicts") or []
        if as_json:
            print_document({"ref": None, "logged": False, "conflicts": conflicts})
        raise with_commands(error, directory, conflicts, mine, theirs) from None
    if done.message:
        print_note(done.message)
    if not done.ref:
        raise ConflictError("the draft is empty and there is no version yet: put something into it, or add --force")
    if not done.created and if_changed:
        note_same_contents(done.ref, description=description, meta=meta, tags=tags, ttl=ttl)
    elif not done.created:
        _explain_nothing_touched(done.ref)
    elif done.merged:
        print_note(f"merged onto {done.merged}{_difference(draft)}")
    if done.runs and not as_json:
        print_note(f"{done.ref} is an output of run {', '.join(done.runs)}")
    if as_json:
        name, _colon, version = done.ref.partition(":")
        document = {"ref": done.ref, "artifact": name, "version": version, "logged": done.created}
        print_document({**document, "merged": done.merged or None, "runs": done.runs})
    else:
        print_result(done.ref, f"{done.ref} is made")


def _difference(draft: ControlDirectory) -> str:
    """Say how the version that came of a merge differs from what the draft shows; nothing if that is not known."""
    from artfs.cli.control_client.draft_rows import open_rows
    from artfs.drafts.commit.merged_base import differs_from_shown

    with suppress(ArtfsError, OSError):  # the commit is done all the same
        draft.read("status")  # which checkpoints the rows
        with open_rows(draft) as found:
            if found is not None and found[0].origin.own_root:
                rows, store, _upstream = found
                return f": {differs_from_shown(rows.origin, draft.top, store.pages)}"
    return ""


def _metadata(pairs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Validate `--meta`; loads the catalog's rules only if there is some."""
    if not pairs:
        return {}
    from artfs.catalog import encode_metadata, json_object

    return json_object(encode_metadata(metadata_of(pairs)))


def _explain_nothing_touched(ref: str) -> None:
    """Print why there is no new version."""
    print_note(
        f"nothing was touched since {ref}: no other version was made, and {ref} is as it was "
        "(--force makes one; `artfs edit`, `artfs alias` and `artfs tag` change it)"
    )
