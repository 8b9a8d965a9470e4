"""What became of versions that went from one store to another, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.cli.render.output import print_done, print_line, size_text
from artfs.names import printable

if TYPE_CHECKING:
    from artfs.transfer import Imported

__all__ = ["print_imported"]


def print_imported(
    imported: Imported, *, dry_run: bool, pushed: bool = False, move_with: str = "--move-aliases"
) -> None:
    """Print what became of versions, a line for each, and the bytes.

    Args:
        imported: The outcome.
        dry_run: It is what would become of them.
        pushed: They went from the user's store to another one, and did not come.
        move_with: The option that moves an alias which stays.
    """
    received = imported.received
    here, there = ("there", "here") if pushed else ("here", "there")
    remarks = {"new": "", "present": f"is {here} already", "undeleted": f"was deleted {here}, and is back"}
    for one in received.versions:
        ref, was = f"{one.version.artifact}:v{one.index}", str(one.version.identity)
        words = [ref, remarks[one.arrival], f"({there} {was})" if ref != was else ""]
        print_line(" ".join(word for word in words if word))
    for alias in received.aliases:
        print_line(printable(f"{alias} is set"))
    for alias in received.kept_aliases:
        print_line(printable(f"{alias} names another version {here} and stays: {move_with} moves it"))
    for was_run, is_run in received.renamed_runs.items():
        print_line(f"run {was_run} is run {is_run} {here}: another one has its id")
    if received.edges_left_out:
        print_line(
            f"{received.edges_left_out} uses or results of these runs are not {here}: versions that did not come"
        )
    if dry_run:
        last = "nothing was changed (--dry-run)"
    elif received.changed:
        last = f"read {size_text(imported.size)}, stored {size_text(imported.written)}"
    else:
        last = f"nothing is new: all of it is {here} already"
    print_done(last, f"what was {'pushed' if pushed else 'imported'} is there")
