"""`artfs lineage`: what a version was made from, and what was made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.output import finish, print_line
from artfs.cli.settings import Settings
from artfs.names import VersionRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from artfs.catalog import View
    from artfs.lineage.graph import Key, Step

__all__ = ["command"]

_FORMATS = ("tree", "dot", "mermaid", "json", "openlineage")


@artfs_command(
    "lineage",
    examples=("artfs lineage animals", "artfs lineage model:v3 --up --depth 2", "artfs lineage model --format dot"),
)
@click.argument("ref", type=REF)
@click.option("--up", is_flag=True, help="What it was made from.")
@click.option("--down", is_flag=True, help="What was made from it. Without either: both.")
@click.option("--depth", type=int, metavar="N", help="Follow at most N runs each way. Default: all.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="tree",
    help="tree, dot (Graphviz), mermaid, json, or openlineage (an event a line). Default: tree.",
)
@click.pass_obj
def command(settings: Settings, ref: VersionRef, up: bool, down: bool, depth: int | None, form: str) -> None:
    """Show which runs made a version, of what, and what became of it."""
    from artfs.lineage.crashes import note_crashes
    from artfs.lineage.graph import BOTH, Direction, check_depth, start_of, walk
    from artfs.lineage.tree import tree_lines

    check_depth(depth)
    ways = BOTH if up == down else (Direction.UP,) if up else (Direction.DOWN,)
    with settings.open_store() as store:
        note_crashes(store)
        with store.catalog.view() as view:
            start = start_of(view.resolve(ref))
            if form == "tree":
                lines: Iterable[str] = tree_lines(view, start, ways, depth)
            else:
                lines = _lines(view, form, start, walk(view, start, ways, depth))
            for number, line in enumerate(lines):
                print_line(line)
                if not number:
                    finish()  # to walk the whole of a large graph takes a while


def _lines(view: View, form: str, start: Key, steps: Iterable[Step]) -> Iterable[str]:
    """Give the graph in one of the formats for programs."""
    match form:
        case "dot":
            from artfs.lineage.dot import dot_lines

            return dot_lines(view, steps)
        case "mermaid":
            from artfs.lineage.mermaid import mermaid_lines

            return mermaid_lines(view, steps)
        case "json":
            from artfs.cli.graphs import graph_lines

            return graph_lines(view, start, steps)
        case _:
            import json

            from artfs.lineage.openlineage import run_events

            return (json.dumps(event, ensure_ascii=False) for event in run_events(view, steps))
