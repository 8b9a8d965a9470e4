"""`artfs ls`: list artifacts, or what is in a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import PATH_REF, TAG
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, mode_text, print_documents, print_line, print_table, shown, size_text
from artfs.cli.settings import Settings
from artfs.documents.artifacts import artifact_document, entry_document, version_document
from artfs.documents.document import local_time
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import EntryPath, PathRef, Tag, VersionRef, printable
from artfs.store.read.symlinks import entry_to_list

if TYPE_CHECKING:
    from artfs.catalog import Artifact, View
    from artfs.store import Store

__all__ = ["command"]


@artfs_command(
    "ls",
    examples=(
        "artfs ls",
        "artfs ls animals",
        "artfs ls -l animals:v3/images",
        "artfs ls -R animals:best --json",
        "artfs ls --tag clean",
    ),
)
@click.argument("ref", required=False, metavar="[REF[/PATH]]", type=PATH_REF)
@click.option(
    "-l",
    "long",
    is_flag=True,
    help="Mode, size, time, where links and references lead; of artifacts, their aliases.",
)
@click.option("-R", "recursive", is_flag=True, help="Everything below, as paths.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    type=TAG,
    help="The versions with this tag, of all artifacts (repeatable: with all).",
)
@json_option
@click.pass_obj
def command(
    settings: Settings,
    ref: PathRef | None,
    long: bool,
    recursive: bool,
    tags: tuple[Tag, ...],
    as_json: bool,
) -> None:
    """List the artifacts, or what is in a version.

    An artifact of which all versions are deleted shows `deleted` if `artfs undelete` can bring some back, else `-`.
    Directories end in `/`. Paths are relative to the directory that is listed.
    """
    if ref is None and recursive:
        raise click.UsageError("-R needs a REF: give one")
    if tags and (ref is not None or long):
        raise click.UsageError("--tag lists the versions of all artifacts: `artfs log NAME --tag TAG` those of one")
    with settings.open_store() as store:
        if ref is None:
            with store.catalog.view() as view:
                if tags:
                    _tagged(view, frozenset(tags), as_json)
                else:
                    _artifacts(view, long, as_json)
            return
        _entries(store, *settings.locate(store, ref), recursive=recursive, long=long, as_json=as_json)


def _artifacts(view: View, long: bool, as_json: bool) -> None:
    artifacts = view.artifacts()
    if as_json:
        print_documents(artifact_document(view, artifact) for artifact in artifacts)
        return
    header = ["NAME", "TYPE", "LATEST", "VERSIONS", "SIZE", "LOGGED"]
    if long:
        header += ["ALIASES", "DESCRIPTION"]
    print_table(header, [_artifact_row(view, artifact, long) for artifact in artifacts], right=(3, 4))


def _tagged(view: View, tags: frozenset[str], as_json: bool) -> None:
    """List the versions that have all of some tags."""
    versions = [v for artifact in view.artifacts() for v in view.versions(artifact.serial) if tags <= set(v.tags)]
    if as_json:
        print_documents(version_document(view, version) for version in versions)
        return
    rows = [(str(view.ref(v)), local_time(v.created_ns), size_text(v.size), ",".join(v.tags)) for v in versions]
    print_table(("VERSION", "LOGGED", "SIZE", "TAGS"), rows, right=(2,))


def _artifact_row(view: View, artifact: Artifact, long: bool) -> list[str]:
    versions = sum(1 for _version in view.versions(artifact.serial))
    latest = view.latest(artifact.serial)
    row = [artifact.name, artifact.type]
    if latest is None:
        row += [
            "deleted" if view.undeletable(artifact.serial) else "-",
            str(versions),
            "-",
            local_time(artifact.created_ns),
        ]
    else:
        link = " (link)" if view.link(latest) is not None else ""
        row += [latest.name + link, str(versions), size_text(latest.size), local_time(latest.created_ns)]
    if long:
        aliases = (f"{alias.name}=v{alias.index}" for alias in view.aliases(artifact.serial))
        row += [",".join(aliases), artifact.description]
    return row


def _entries(store: Store, ref: VersionRef, path: EntryPath, *, recursive: bool, long: bool, as_json: bool) -> None:
    """List a directory by relative paths, a file by its own; JSON has paths from the version's top."""
    entry = entry_to_list(store, store.version(ref), path)
    above = b"".join(name + b"/" for name in path)
    if entry.kind != Kind.DIRECTORY:
        above, entries = b"", iter([(b"/".join(path), entry)])
    else:
        entries = store.walk(entry) if recursive else ((child.name, child) for child in store.children(entry))
    if as_json:
        print_documents(entry_document(above + name, child) for name, child in entries)
        return
    for name, child in entries:
        print_line(_long(name, child) if long else _short(name, child))


def _short(path: bytes, entry: Entry) -> str:
    return shown(path) + ("/" if entry.kind == Kind.DIRECTORY else "")


def _long(path: bytes, entry: Entry) -> str:
    target = ""
    if entry.kind == Kind.SYMLINK:
        target = f" -> {shown(entry.extra)}"
    elif entry.kind == Kind.REFERENCE:
        target = f" -> {printable(decode_reference(entry).uri)}"
    return f"{mode_text(entry)} {entry.size:>14,} {local_time(entry.mtime_ns)} {_short(path, entry)}{target}"
