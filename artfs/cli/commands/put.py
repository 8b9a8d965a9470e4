"""`artfs put`: store files and directories as a new version."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artfs.access import system_reason
from artfs.cli.arguments import NAME, metadata_of, version_options
from artfs.cli.command import command as artfs_command
from artfs.cli.failure import terminable
from artfs.cli.render.output import json_option, print_document, print_note, print_result, size_text
from artfs.cli.render.progress import progress_bar
from artfs.cli.same_contents import note_same_contents, same_version_before
from artfs.cli.settings import Settings
from artfs.documents.artifacts import version_document
from artfs.errors import ArtfsError, InvalidInputError, SourceError
from artfs.names import Alias, ArtifactName, ArtifactType, Tag, quoted
from artfs.store.write.scan import refuse_store

if TYPE_CHECKING:
    from artfs.store import Store

__all__ = ["command"]

_NO_VERSION = -1


@artfs_command(
    "put",
    examples=(
        "artfs put images/ -n animals",
        "artfs put images/ -n animals -a best --meta source=camera-3 --tag clean --if-changed",
        "artfs put . -n animals --exclude '*.log' --exclude '/cache/' --dry-run",
        "pg_dump shop | artfs put - --name-in shop.sql -n backup",
        "artfs put ~/.cache/huggingface/hub/models--bert/snapshots/86b5e09 -n bert -t model --follow-links",
        "artfs put -n photos --ref file://$PWD/images=images --if-changed",
        "artfs put train.py -n trained --import file://$PWD/weights.bin",
        "artfs put weights.bin config.json -n detector -t model -m 'trained on animals:v3' --meta lr=0.01",
    ),
)
@click.argument("paths", nargs=-1, metavar="[PATH...]", type=click.Path(readable=False))
@click.option("-n", "--name", required=True, type=NAME, help="The artifact.")
@click.option("--name-in", metavar="FILE", help="The file's name in the artifact; for a pipe there has to be one.")
@click.option(
    "--exclude",
    "excluded",
    multiple=True,
    metavar="PATTERN",
    help="Leave out what a pattern of gitignore(5) names, besides .artfsignore (repeatable).",
)
@click.option(
    "--ref",
    "references",
    multiple=True,
    metavar="URI[=NAME]",
    help="Refer to an object, or to all below a prefix or directory: the bytes stay there (repeatable).",
)
@click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="URI[=NAME]",
    help="Store the bytes of an object, or of all below a prefix (repeatable).",
)
@click.option(
    "--checksum",
    type=click.Choice(["state", "content", "none"]),
    default="state",
    help="What a reference keeps: what identifies the object's state (version, ETag); its chunk list too, for which it "
    "is read once; or its size alone.",
)
@click.option("--max-objects", type=click.IntRange(1), metavar="N", help="Refuse a URI that leads to more objects.")
@click.option("--dry-run", is_flag=True, help="Only show what would be stored; nothing is made, not even a store.")
@click.option(
    "--follow-links", is_flag=True, help="In place of symlinks that lead out of a directory store what they lead to."
)
@version_options
@json_option
@click.pass_obj
def command(
    settings: Settings,
    paths: tuple[str, ...],
    name: ArtifactName,
    name_in: str | None,
    type_: ArtifactType | None,
    aliases: tuple[Alias, ...],
    description: str,
    meta: tuple[tuple[str, Any], ...],
    tags: tuple[Tag, ...],
    ttl: int | None,
    if_changed: bool,
    excluded: tuple[str, ...],
    references: tuple[str, ...],
    imports: tuple[str, ...],
    checksum: str,
    max_objects: int | None,
    dry_run: bool,
    follow_links: bool,
    as_json: bool,
) -> None:
    """Store files or directories as a new version.

    One directory gives its contents; several paths go in under their names. What `.artfsignore` at the top of a
    directory names, in the patterns of gitignore(5), is left out. A pipe is read to its end: - for standard input, or
    what the shell makes of <(COMMAND). What is elsewhere goes in by --ref and --import, as s3://photos/2026/=images or
    https://example.com/labels.csv, under NAME or its own name; `artfs help references` has the URIs. Prints the version
    as NAME:vN, and on a terminal what was stored.
    """
    from artfs.api.artifact.inputs import CONTENT
    from artfs.catalog import NewVersion, current_actor, encode_metadata
    from artfs.cli.put_references import Elsewhere, parse_reference, put_with_references
    from artfs.store.write.outside_links import OutsideLinks

    version = partial(
        NewVersion,
        name=name,
        type=type_,
        aliases=aliases,
        description=description,
        metadata=encode_metadata(metadata_of(meta)),
        tags=tags,
        ttl_ns=ttl or None,
    )
    if "-" in paths:
        _check_standard_input(name_in)
        paths = tuple("/dev/stdin" if path == "-" else path for path in paths)
    elsewhere = Elsewhere(
        [parse_reference(text) for text in references],
        [parse_reference(text) for text in imports],
        CONTENT if checksum == "content" else checksum == "state",
        max_objects,
    )
    if not paths and not elsewhere:
        raise click.UsageError("Missing argument 'PATH...', or --ref URI or --import URI.")
    inner = None if name_in is None else os.fsencode(name_in)
    exclude = b"\n".join(map(os.fsencode, excluded))
    links = OutsideLinks(follow_links)
    _check_sources(paths, settings.store_path)
    if dry_run:
        from artfs.cli.put_plan import print_plan

        print_plan(
            settings, paths, name, name_in=inner, links=links, exclude=exclude, elsewhere=elsewhere, as_json=as_json
        )
        return
    before = _NO_VERSION
    with (
        terminable(lambda: _after_interrupt(settings, name, before)),
        settings.open_or_make_store() as store,
        progress_bar("storing") as progress,
    ):
        before = _newest(store, name)
        run = settings.run_in(store)
        new = version(logged_by=run)
        put = partial(store.put, paths, progress=progress)
        if elsewhere:
            put = partial(put_with_references, store, paths, elsewhere)
        stored = put(new, who=current_actor(run), if_changed=if_changed, name_in=inner, links=links, exclude=exclude)
        with store.catalog.view() as view:
            document = version_document(view, stored.version)
            same_as = same_version_before(view, stored.version) if stored.created else None
    if (warning := links.warning("--follow-links")) is not None:
        print_note(warning)
    if not stored.created:
        note_same_contents(document["ref"], description=description, meta=meta, tags=tags, ttl=ttl)
    numbers = {"files": stored.files, "bytes": stored.size, "new_bytes": stored.new_size}
    if as_json:
        print_document({**document, "logged": stored.created, **numbers, "same_as": same_as})
        return
    ref = document["ref"]
    print_result(ref, f"{ref} is stored")
    if same_as is not None:
        print_note(f"{ref} has the same contents as {same_as}; with --if-changed no version is made then")
    if stored.created and sys.stderr is not None and sys.stderr.isatty():
        print_note(f"{ref} has {stored.files:,} files, {size_text(stored.size)}; {size_text(stored.new_size)} were new")


def _newest(store: Store, name: ArtifactName) -> int:
    """Return the index of an artifact's newest version."""
    with store.catalog.view() as view:
        artifact = view.artifact_by_name(name)
        latest = None if artifact is None else view.latest(artifact.serial)
    return _NO_VERSION if latest is None else latest.index


def _after_interrupt(settings: Settings, name: ArtifactName, before: int) -> str:
    """Say what became of an interrupted put, which may have been past its commit point."""
    try:
        with settings.open_store() as store:
            now = _newest(store, name)
    except ArtfsError:
        now = before
    if now == before:
        return "no version was made: the same command makes it, and does not store again what is in finished packs"
    return f"{name}:v{now} was made meanwhile: look at it with `artfs log {name}` before you repeat the command"


def _check_standard_input(name_in: str | None) -> None:
    if name_in is None:
        raise InvalidInputError("- is standard input: say with --name-in FILE which file its contents become")
    if os.isatty(0):
        raise InvalidInputError("standard input is a terminal: pipe into it what is to be stored")


def _check_sources(paths: tuple[str, ...], store: Path) -> None:
    """Refuse paths that cannot be stored, before a store is made for them."""
    for path in paths:
        try:
            os.stat(path)
        except OSError as error:
            raise SourceError(
                f"cannot read {quoted(path)}: {system_reason(error, path)}; nothing was stored"
            ) from error
        refuse_store(os.fsencode(path), os.fsencode(store))
