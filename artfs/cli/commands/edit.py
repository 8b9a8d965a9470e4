"""`artfs edit`: change the description, metadata and time to live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from artfs.cli.arguments import DURATION, METADATA, REF, TEXT, metadata_of
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_done
from artfs.cli.settings import Settings
from artfs.documents.artifacts import artifact_document, version_document
from artfs.documents.document import Document
from artfs.errors import InvalidInputError
from artfs.names import LATEST, VersionRef

if TYPE_CHECKING:
    from artfs.catalog import Version, VersionEdit
    from artfs.store import Store

__all__ = ["command"]


@artfs_command(
    "edit",
    examples=(
        "artfs edit animals:v3 --description 'without duplicates' --meta checked=true",
        "artfs edit animals:v0 --ttl 30d",
        "artfs edit animals:v0 --ttl none --remove-meta draft",
        "artfs edit animals --artifact --description 'photos of animals'",
    ),
)
@click.argument("ref", type=REF)
@click.option("-m", "--description", type=TEXT, help="The new description.")
@click.option("--meta", multiple=True, type=METADATA, help="Set a key of the metadata; JSON or text (repeatable).")
@click.option("--remove-meta", "removed", multiple=True, type=TEXT, metavar="KEY", help="Remove a key of the metadata.")
@click.option("--ttl", type=DURATION, help="How long the version is kept from its creation, as 30d or 12h; or `none`.")
@click.option("--artifact", "of_artifact", is_flag=True, help="The description is the artifact's, not a version's.")
@json_option
@click.pass_obj
def command(
    settings: Settings,
    ref: VersionRef,
    description: str | None,
    meta: tuple[tuple[str, Any], ...],
    removed: tuple[str, ...],
    ttl: int | None,
    of_artifact: bool,
    as_json: bool,
) -> None:
    """Change what is said of a version.

    That is its description, metadata and time to live; its contents never change. Tags are changed by `artfs tag`,
    aliases by `artfs alias`.
    """
    metadata = metadata_of(meta)
    changes_version = bool(metadata or removed or ttl is not None)
    if description is None and not changes_version:
        raise click.UsageError("nothing to change is given: name at least one option")
    if of_artifact and (changes_version or description is None or ref.selector != LATEST):
        raise click.UsageError("--artifact goes with a bare NAME and --description alone")
    with settings.open_store_of(ref.name) as store:
        if of_artifact:
            document = _edit_artifact(store, ref, description or "")
        else:
            document = _edit_version(store, ref, description, metadata, removed, ttl)
    if as_json:
        print_document(document)
    else:
        print_done(document.get("ref", ref.name), "the change is made")


def _edit_artifact(store: Store, ref: VersionRef, description: str) -> Document:
    from artfs.catalog import current_actor

    artifact = store.catalog.edit_artifact(ref.name, current_actor(), description=description)
    with store.catalog.view() as view:
        return artifact_document(view, artifact)


def _edit_version(
    store: Store,
    ref: VersionRef,
    description: str | None,
    metadata: dict[str, Any],
    removed: tuple[str, ...],
    ttl: int | None,
) -> Document:
    from msgspec import UNSET

    from artfs.catalog import VersionEdit, current_actor

    def edit(version: Version) -> VersionEdit:
        """Merge under the catalog's lock, so that no change of another process is lost."""
        return VersionEdit(
            description=UNSET if description is None else description,
            metadata=_merged(version, metadata, removed) if metadata or removed else UNSET,
            ttl_ns=UNSET if ttl is None else ttl or None,
        )

    version = store.catalog.edit_version(ref, edit, current_actor())
    with store.catalog.view() as view:
        return version_document(view, version)


def _merged(version: Version, changes: dict[str, Any], removed: tuple[str, ...]) -> bytes:
    from artfs.catalog import decode_metadata, encode_metadata

    metadata = decode_metadata(version.metadata)
    for key in removed:
        if key in changes or key not in metadata:
            raise InvalidInputError(f"metadata key {key!r} cannot be removed: it is not there or set by --meta")
        del metadata[key]
    return encode_metadata({**metadata, **changes})
