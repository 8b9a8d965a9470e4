"""`artfs show`: all that is known of one version."""

from __future__ import annotations

import click

from artfs.cli.arguments import REF_OR_FILE
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_line, size_text
from artfs.cli.settings import Settings
from artfs.documents.artifacts import version_document
from artfs.documents.document import duration_text, local_time
from artfs.names import VersionRef, printable

__all__ = ["command"]


@artfs_command("show", examples=("artfs show animals", "artfs show animals:v3 --json"))
@click.argument("ref", type=REF_OR_FILE)
@json_option
@click.pass_obj
def command(settings: Settings, ref: VersionRef, as_json: bool) -> None:
    """Show all that is known of one version."""
    with settings.open_store() as store, store.catalog.view() as view:
        version = view.resolve(ref)
        document = version_document(view, version)
    if as_json:
        print_document(document)
        return
    link = document.get("link")
    lines = {
        "ref": document["ref"],
        "type": document["type"],
        "aliases": ", ".join(document["aliases"]),
        "tags": ", ".join(document["tags"]),
        "description": document["description"],
        "logged": local_time(version.created_ns) + _by(version.logged_by),
        "kept for": _kept(version.created_ns, version.ttl_ns),
        "link to": f"{link['ref']}{_by(link['run'])}" if link else "",
        "contents of": "" if link else document["source"] or "",
        "origin": "{ref} of store {store}".format(**document["origin"]) if "origin" in document else "",
        "size": f"{size_text(version.size)} ({version.size:,} bytes) in {version.entries:,} entries",
        "digest": document["digest"],
    }
    for label, text in lines.items():
        first, *more = text.splitlines() or [""]
        if text:
            print_line(f"{label + ':':<13}{printable(first)}")
        for line in more:
            print_line(f"{'':13}{printable(line)}")
    _print_metadata(version.metadata)


def _by(run: str | None) -> str:
    return f" by run {run}" if run else ""


def _kept(created_ns: int, ttl_ns: int | None) -> str:
    return f"{duration_text(ttl_ns)}, until {local_time(created_ns + ttl_ns)}" if ttl_ns else ""


def _print_metadata(metadata: bytes) -> None:
    import msgspec

    lines = msgspec.json.format(metadata, indent=2).decode().splitlines()
    if len(lines) > 1:
        print_line("metadata:")
        for line in lines[1:-1]:
            print_line(printable(line))
