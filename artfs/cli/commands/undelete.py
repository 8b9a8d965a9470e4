"""`artfs undelete`: bring deleted versions and discarded drafts back, or list them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import DELETED, DRAFT, DURATION, GC_GRACE, GC_GRACE_VARIABLE
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import (
    json_option,
    print_document,
    print_documents,
    print_done,
    print_result,
    print_table,
    shown,
)
from artfs.cli.settings import Settings
from artfs.documents.document import json_text
from artfs.errors import ConflictError, InvalidInputError, MountError, NotFoundError
from artfs.names import LATEST, ArtifactName, VersionRef

if TYPE_CHECKING:
    from artfs.drafts.discarded import DiscardedDraft
    from artfs.store import Store

__all__ = ["command"]


@artfs_command(
    "undelete",
    examples=(
        "artfs undelete",
        "artfs undelete animals:v3",
        "artfs undelete animals --all",
        "artfs undelete --draft 1 --as again",
    ),
)
@click.argument("ref", metavar="[NAME:vN|NAME]", type=DELETED, required=False)
@click.option("--all", "whole", is_flag=True, help="All versions of the artifact that can come back.")
@click.option("--draft", "number", type=click.IntRange(min=1), metavar="N", help="The discarded draft of that number.")
@click.option("--as", "directory", metavar="DIR", type=DRAFT, help="The draft's directory. Default: as it was.")
@json_option
@click.pass_obj
def command(
    settings: Settings,
    ref: VersionRef | None,
    whole: bool,
    number: int | None,
    directory: str | None,
    as_json: bool,
) -> None:
    """Bring back a deleted version or a discarded draft, or list them.

    A version's artifact comes back too, if that was deleted, and so do the aliases that were deleted with it, but for
    those that another version has by now; latest names the newest version. NAME alone is enough where only one version
    of it can come back. A draft is open again in the staging mount,
    where its directory is printed. Without an argument all is listed that gc has not removed yet.
    """
    if directory is not None and number is None:
        raise click.UsageError("--as is for --draft: say which draft to bring back")
    if ref is not None and number is not None:
        raise click.UsageError("a version and --draft exclude each other: bring back one after the other")
    if whole and ref is None:
        raise click.UsageError("--all is for one artifact: say which, as in `artfs undelete animals --all`")
    if number is not None:
        _undelete_draft(settings, number, directory, as_json)
    elif ref is not None:
        _undelete_versions(settings, ref, whole=whole, as_json=as_json)
    else:
        _list(settings, as_json)


def _undelete_versions(settings: Settings, ref: VersionRef, *, whole: bool, as_json: bool) -> None:
    from artfs.catalog import current_actor

    if ref.selector != LATEST and (whole or not isinstance(ref.selector, int)):
        form = f"`artfs undelete {ref.name}" + (" --all`" if whole else ":vN`")
        raise InvalidInputError(f"{ref} names {'one' if whole else 'no'} version: write {form}")
    with settings.open_store_of(ref.name) as store:
        if isinstance(ref.selector, int):
            store.catalog.undelete_version(ref.name, ref.selector, current_actor())
            back = [str(ref)]
        else:
            if not whole:
                _refuse_choice(store, ref.name)
            versions = store.catalog.undelete_versions(ref.name, current_actor())
            back = [f"{ref.name}:{version.name}" for version in versions]
    if as_json:
        print_document({"undeleted": back if whole else back[0]})
        return
    for one in back:
        print_done(f"brought back {one}", f"{one} is brought back")


def _refuse_choice(store: Store, name: ArtifactName) -> None:
    """Refuse a name alone unless exactly one version of that artifact can come back."""
    from artfs.cli.render.deleted import deleted_items

    items = deleted_items(store)
    versions = [item.ref for item in items if item.draft is None and item.ref.partition(":")[0] == name]
    if len(versions) > 1:
        some = ", ".join(versions[-5:][::-1]) + (" and more" if len(versions) > 5 else "")
        raise ConflictError(
            f"{len(versions)} versions of {name} can be brought back ({some}): name one, as in"
            f" `artfs undelete {versions[-1]}`, or all with `artfs undelete {name} --all`"
        )
    draft = next((item for item in items if item.draft is not None and item.ref == name), None)
    if draft is not None and not versions:
        raise NotFoundError(
            f"no version of {name} can be brought back, but a discarded draft can:"
            f" `artfs undelete --draft {draft.draft}`"
        )


def _undelete_draft(settings: Settings, number: int, directory: str | None, as_json: bool) -> None:
    """Ask the staging mount, which serves all drafts, to open the draft again."""
    from artfs.cli.control_client.control_directory import ControlDirectory
    from artfs.cli.control_client.mounted import staging_of

    top = os.fspath(staging_of(settings.store_path).mountpoint)
    mount = ControlDirectory(top)
    if not os.path.lexists(mount.path("undelete")):
        raise MountError("the staging mount is of another artfs: mount it again to bring a draft back")
    name = directory or _discarded(settings, number).name
    mount.ask("undelete", {"number": number, "as": name})
    place = os.path.join(top, name)
    if as_json:
        print_document({**json_text("path", os.fsencode(place)), "draft": name})
    else:
        print_result(shown(os.fsencode(place)), f"the draft {name} is open")


def _discarded(settings: Settings, number: int) -> DiscardedDraft:
    from artfs.drafts.discarded import DiscardedDrafts

    with settings.open_store() as store:
        for draft in DiscardedDrafts(store.layout.drafts).list():
            if draft.number == number:
                return draft
    raise NotFoundError(f"there is no discarded draft {number} to bring back: `artfs undelete` lists them")


def _list(settings: Settings, as_json: bool) -> None:
    from artfs.cli.render.deleted import DeletedItem, deleted_items

    with settings.open_store() as store:
        items = deleted_items(store)
    grace_ns = DURATION.convert(os.environ.get(GC_GRACE_VARIABLE) or GC_GRACE, None, None)
    if as_json:
        print_documents(item.document(grace_ns) for item in items)
    else:
        print_table(DeletedItem.HEADER, (item.cells(grace_ns) for item in items), right=(1,))
