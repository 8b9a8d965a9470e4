"""`artfs status`: changes in a draft."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_documents, print_line, write
from artfs.documents.document import json_text
from artfs.errors import MountError, StorageError
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.cli.control_client.control_directory import ControlDirectory
    from artfs.cli.render.draft_changes import ChangeLine, ChangeSummary
    from artfs.drafts.commit.upstream import Upstream
    from artfs.drafts.view import FrozenDraft

__all__ = ["command"]


@artfs_command("status", examples=("artfs status ~/stage/animals", "artfs status --json"))
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(readable=False))
@json_option
def command(directory: str, as_json: bool) -> None:
    """Show what was changed in a draft.

    DIR is the draft's directory or anything in it, by default where you are. Lists the paths that were added (A),
    removed (D) and modified (M) since the last commit, or the version below; with `!` files that lack bytes which were
    written, as on a full disk: write them again from the beginning, truncate or remove them before you commit. A draft
    whose log was damaged says what it may lack, one that is behind that a newer version has what it lacks, and one that
    was merged how its version differs from what it shows. Takes time for what changed, not for what is there.
    """
    from artfs.cli.control_client.control_directory import find_draft
    from artfs.cli.control_client.draft_rows import open_rows
    from artfs.cli.render.draft_changes import ChangeSummary, change_lines
    from artfs.drafts.commit.merged_base import differs_from_shown
    from artfs.drafts.control.commit_request import NO_CHECKPOINT
    from artfs.drafts.salvage.describe import describe_damage

    draft = find_draft(directory)
    text = draft.read("status")  # which also checkpoints the rows that are read below
    if f"\n{NO_CHECKPOINT}".encode() in text:
        if as_json:
            raise StorageError("the disk of the store is full, so only the mount knows the changes: leave --json out")
        write(text)
        return
    with open_rows(draft) as found:
        if found is None:
            if as_json:
                raise MountError(f"the store of {quoted(draft.top)} is not to be seen from here: leave --json out")
            write(text)
            return
        rows, store, upstream = found
        summary = ChangeSummary()
        lines = summary.watch(change_lines(rows, store))
        if as_json:
            _print_json(draft, rows, upstream, lines, summary)
            return
        print_line(f"{upstream.artifact} from {rows.origin.base_ref or 'nothing'}")
        if upstream.is_ahead:
            print_line(
                f"behind {upstream.newest_ref}: commit with --merge to put what was changed here onto that, or with"
                " --replace"
            )
        if rows.origin.own_root:
            print_line(f"merged: {differs_from_shown(rows.origin, draft.top, store.pages)}")
        if runs := rows.writers():
            print_line(f"written by run {', '.join(runs)}: the next commit is an output of it")
        if rows.damage is not None:
            print_line(f"damaged: {describe_damage(rows.damage)}")
        for line in lines:
            print_line(line.text())
        print_line(summary.text())


def _print_json(
    draft: ControlDirectory, rows: FrozenDraft, upstream: Upstream, lines: Iterator[ChangeLine], summary: ChangeSummary
) -> None:
    """Write one JSON object, with the changes as they come."""
    import msgspec

    from artfs.drafts.salvage.describe import describe_damage

    head = {
        **json_text("path", os.fsencode(draft.top)),
        "draft": os.path.basename(draft.top),
        "artifact": upstream.artifact,
        "base": rows.origin.base_ref or None,
        "newest": upstream.newest_ref or None,
        "behind": upstream.is_ahead,
        "shows_all": not rows.origin.own_root,
        "runs": rows.writers(),
        "damage": None if rows.damage is None else describe_damage(rows.damage),
    }
    before = msgspec.json.encode(head)[:-1] + b',"changes":['
    print_documents((line.document() for line in lines), before=before, after=b"]")
    write(b',"summary":' + msgspec.json.encode(summary.document()) + b"}\n")
