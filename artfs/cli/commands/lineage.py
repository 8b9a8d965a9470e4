"""`artfs lineage`: graph of runs and versions around a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artfs.cli.all_versions import all_versions_option, versions_meant
from artfs.cli.arguments import REF_OR_FILE, TYPE
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import finish, json_option, print_documents, print_line, print_table
from artfs.cli.settings import Settings
from artfs.documents.document import local_time
from artfs.errors import InvalidInputError
from artfs.names import ArtifactType, VersionRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from artfs.catalog import View
    from artfs.lineage.graph import Direction, Key

__all__ = ["command"]

_FORMATS = ("tree", "dot", "mermaid", "json", "openlineage")
_HEADER = ("VERSION", "LOGGED", "RUN", "NAME")


@artfs_command(
    "lineage",
    examples=(
        "artfs lineage animals",
        "artfs lineage model:v3 --up --depth 2",
        "artfs lineage animals --down --all-versions --type model",
        "artfs lineage model --format dot",
    ),
)
@click.argument("ref", type=REF_OR_FILE)
@click.option("--up", is_flag=True, help="What it was made from.")
@click.option("--down", is_flag=True, help="What was made from it. Without either: both.")
@click.option("--depth", type=int, metavar="N", help="Follow at most N runs each way. Default: all.")
@all_versions_option
@click.option("--type", "type_", type=TYPE, help="Only list the versions of this type that are reached.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="tree, dot (Graphviz), mermaid, json, or openlineage (an event a line). Default: tree.",
)
@json_option
@click.pass_obj
def command(
    settings: Settings,
    ref: VersionRef,
    up: bool,
    down: bool,
    depth: int | None,
    all_versions: bool,
    type_: ArtifactType | None,
    form: str | None,
    as_json: bool,
) -> None:
    """Show which runs made a version, of what, and what became of it.

    In brackets is how that is known: `api`, the run said so; `open`, it opened files in a mount; `commit`, it wrote a
    draft or committed it: what it used so is the version below the draft, if something of that is left in the new one
    or was read, and what was merged.

    With --type a list: `--down --all-versions --type model` are the models that were trained on any version of NAME.
    """
    from artfs.documents.lineage_forms import lineage_lines
    from artfs.lineage import current_view
    from artfs.lineage.graph import BOTH, Direction, check_depth, version_key

    check_depth(depth)
    form = _form(form, listed=type_ is not None, as_json=as_json)
    ways = BOTH if up == down else (Direction.UP,) if up else (Direction.DOWN,)
    with settings.open_store() as store, current_view(store) as view:
        found = versions_meant(view, ref, all_versions=all_versions)
        starts = list(dict.fromkeys(version_key(view, version) for version in found))
        if type_ is not None:
            _list(view, starts, ways, depth, type_, as_json=form == "json")
            return
        for number, line in enumerate(lineage_lines(view, form, starts, ways, depth)):
            print_line(line)
            if not number:
                finish()  # to walk the whole of a large graph takes a while


def _form(form: str | None, *, listed: bool, as_json: bool) -> str:
    """Choose the format by `--format`, `--json` and `--type`."""
    if as_json and form not in {None, "json"}:
        raise InvalidInputError(f"--json and --format {form} contradict each other: leave one out")
    if listed and form not in {None, "json"}:
        raise InvalidInputError(f"--type lists versions, which --format {form} cannot: leave one out")
    return "json" if as_json else form or "tree"


def _list(
    view: View, starts: Sequence[Key], ways: Iterable[Direction], depth: int | None, type_: str, *, as_json: bool
) -> None:
    """List the versions of a type that a walk comes to."""
    from artfs.documents.graph import reached_documents
    from artfs.lineage.graph import versions_reached, walk

    found = versions_reached(view, walk(view, starts, ways, depth), type_)
    if as_json:
        print_documents(reached_documents(view, found))
        return
    rows = []
    for version in found:
        run = None if version.logged_by is None else view.run(version.logged_by)
        ref = f"{view.ref(version)}{' (deleted)' if version.deleted else ''}"
        rows.append(
            (ref, local_time(version.created_ns), version.logged_by or "", "" if run is None else run.fields.name)
        )
    print_table(_HEADER, rows)
