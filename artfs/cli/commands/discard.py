"""`artfs discard`: remove a draft."""

from __future__ import annotations

import os

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_documents, print_done, shown
from artfs.documents.document import Document, json_text
from artfs.errors import ArtfsError, MountError
from artfs.names import quoted

__all__ = ["command"]


@artfs_command("discard", examples=("artfs discard ~/stage/animals", "artfs discard --force ~/stage/ann ~/stage/bob"))
@click.argument("directories", nargs=-1, required=True, metavar="DIR...", type=click.Path(readable=False))
@click.option("--force", is_flag=True, help="Even if it has changes that are in no version.")
@click.option("--now", is_flag=True, help="Remove it at once, so that its room comes back: it cannot be brought back.")
@json_option
def command(directories: tuple[str, ...], force: bool, now: bool, as_json: bool) -> None:
    """Close drafts; versions stay.

    DIR is a draft's own directory. One with changes that are in no version is closed only with --force, and kept
    until gc: `artfs undelete` lists it and brings it back.
    """
    from artfs.cli.control_client.control_directory import ControlDirectory, own_draft

    places = [(directory, *os.path.split(own_draft(directory).top)) for directory in directories]
    for _directory, top, name in places:  # before any of them is closed
        if not os.path.lexists(ControlDirectory(top).path("discard")):
            place = quoted(os.path.join(top, name))
            raise MountError(f"{place} is the draft, without its mount around it: discard it where that is")
    documents: list[Document] = []
    for number, (directory, top, name) in enumerate(places):
        request = {"name": name, "force": force, **({"now": True} if now else {})}
        try:
            kept = ControlDirectory(top).ask("discard", request).get("kept") or None
        except ArtfsError as error:
            if as_json and documents:
                print_documents(documents)
            raise _with_rest(error, [shown(os.fsencode(rest)) for rest in directories[number + 1 :]], number) from None
        path = os.fsencode(os.path.join(top, name))
        documents.append({**json_text("path", path), "draft": name, "kept": kept})
        if not as_json:
            back = f"; `artfs undelete --draft {kept}` brings it back, until gc" if kept else ""
            print_done(f"discarded {shown(os.fsencode(directory))}{back}", f"{name} is discarded")
    if as_json and len(documents) == 1:
        print_document(documents[0])
    elif as_json:
        print_documents(documents)


def _with_rest(error: ArtfsError, rest: list[str], done: int) -> ArtfsError:
    """Return the error of one of several drafts with what became of the others.

    Args:
        error: Of the draft that is not discarded.
        rest: The drafts after it.
        done: So many before it are discarded.
    """
    if not done and rest:
        error.args = (f"{error}; nothing was discarded",)
    elif rest:
        error.args = (f"{error}; nor {'was' if len(rest) == 1 else 'were'} {', '.join(rest)} discarded",)
    return error
