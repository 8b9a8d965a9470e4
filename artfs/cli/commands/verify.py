"""`artfs verify`: ask whether what a version refers to is still there, and the same."""

from __future__ import annotations

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.render.messages import is_quiet
from artfs.cli.render.output import json_option, print_document, print_line, shown
from artfs.cli.render.progress import counter
from artfs.cli.settings import Settings
from artfs.documents.document import Document, json_text
from artfs.errors import SourceError
from artfs.names import VersionRef, printable

__all__ = ["command"]


@artfs_command("verify", examples=("artfs verify animals", "artfs verify animals:v3 --json"))
@click.argument("ref", type=REF)
@json_option
@click.pass_obj
def command(settings: Settings, ref: VersionRef, as_json: bool) -> None:
    """Ask if what a version refers to is still there, and the same.

    A line for each that has changed, is gone, cannot be reached, or is of a scheme that artfs does not know; the exit
    code is 5 if there is one. Sources are asked for the state of their objects and not for the bytes; local files are
    read, since it is their bytes that identify them. What the store itself has is for `artfs fsck`.
    """
    from artfs.store.read.verify_references import STATES, verify_references

    counts = dict.fromkeys(STATES, 0)
    listed: list[Document] = []
    with settings.open_store() as store, counter("references asked for") as asked:
        version = store.version(ref)
        for each in verify_references(store, version):
            asked()
            counts[each.state] += 1
            if as_json:
                listed.append({**json_text("path", each.path), "uri": each.reference.uri, "state": each.state})
            elif each.state != "same":
                print_line(f"{each.state:<11} {shown(each.path)} -> {printable(each.reference.uri)}")
    name = f"{ref.name}:{version.name}"
    if as_json:
        print_document({"ref": name, "references": listed, **counts})
    elif not is_quiet():
        said = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
        print_line(f"{sum(counts.values()):,} references in {name}" + (f": {said}" if said else ""))
    if sum(counts.values()) != counts["same"]:
        raise SourceError(f"{name} refers to what is not there as it was: bring it back, or log a new version")
