"""`artfs diff`: changes between versions and directories."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import Exit

from artfs.cli.command import command as artfs_command
from artfs.cli.diff_sides import OneVersion, Side, differences, parse_sides
from artfs.cli.mounted_path import ref_of_path
from artfs.cli.render.differences import counts_text, print_differences, print_differences_json
from artfs.cli.render.output import json_option, print_line, print_note, shown, write
from artfs.cli.settings import Settings
from artfs.documents.differences import DifferenceCounts

if TYPE_CHECKING:
    from artfs.store import Store
    from artfs.store.tree.diff import Difference

__all__ = ["command"]


class _Side(click.ParamType[str]):
    """A reference or a directory; which, is found out with the store."""

    name = "side"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        """Take it as it is; a version's directory in a mount is the version."""
        mounted = None if ctx is None else ref_of_path(value, ctx.ensure_object(Settings))
        return value if mounted is None or "/" in mounted else mounted

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Complete references."""
        from artfs.cli.arguments import REF

        return REF.shell_complete(ctx, param, incomplete)


@artfs_command(
    "diff",
    examples=(
        "artfs diff animals:v0 animals:v1",
        "artfs diff animals v0 best",
        "artfs diff animals images/",
        "artfs diff images/ animals:best --exit-code",
        "artfs diff animals v0 v1 -p",
        "artfs diff animals:v3 animals:best --json",
    ),
)
@click.argument("sides", nargs=-1, required=True, metavar="OLD NEW | NAME vN vM", type=_Side())
@click.option("-p", "--patch", is_flag=True, help="Differences of small text files by lines, as a patch.")
@click.option("--stat", is_flag=True, help="Lines added and removed in small text files, sizes of others.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there are differences, as git does.")
@json_option
@click.pass_obj
def command(
    settings: Settings, sides: tuple[str, ...], patch: bool, stat: bool, exit_code: bool, as_json: bool
) -> None:
    """Show what changed between versions, or differs in a directory.

    OLD and NEW are versions, or one of them is a directory of yours, of which counts what a put would store. Lists the
    paths that were added (A), removed (D) and modified (M), with the bytes that this makes. Of two versions it takes
    time for what changed, not for what is there. Times do not count as a change. Exits 0 whether or not there is a
    difference, unless --exit-code is given. A word that is both an artifact and a directory is the artifact, but
    `artfs diff animals animals` compares the two; a line on stderr says what was taken for what.
    """
    if patch + stat + as_json > 1:
        raise click.UsageError("-p, --stat and --json exclude each other: give one")
    with settings.open_store() as store:
        old, new = parse_sides(store, sides)
        if isinstance(old, OneVersion) and isinstance(new, OneVersion) and old.name == new.name:
            print_note(f"compared {old.name} with itself")
        counts = DifferenceCounts()
        found = counts.watch(differences(store, old, new))
        if as_json:
            print_differences_json({**old.document("old"), **new.document("new")}, found, counts)
        elif patch:
            _print_patch(store, old, new, found)
        elif stat:
            lines = _print_stat(store, old, new, found)
            print_line(f"{counts_text(counts)}; {lines}")
        else:
            print_differences(found)
            print_line(counts_text(counts))
    if exit_code and counts.found:
        raise Exit(1)


def _print_patch(store: Store, old: Side, new: Side, found: Iterable[Difference]) -> None:
    from artfs.cli.render.patch import patch_lines

    for difference in found:
        for line in patch_lines(difference, partial(old.read, store), partial(new.read, store)):
            write(line)


def _print_stat(store: Store, old: Side, new: Side, found: Iterable[Difference]) -> str:
    """Print a line for each difference; return the sum of their lines."""
    from artfs.cli.render.patch import changed_lines

    added = removed = 0
    for difference in found:
        text, lines = changed_lines(difference, partial(old.read, store), partial(new.read, store))
        print_line(f"{text:>25}  {shown(difference.path)}")
        added += lines.added
        removed += lines.removed
    return f"+{added:,} -{removed:,} lines"
