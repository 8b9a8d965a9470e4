"""`artfs cat`: write files of a version to standard output."""

from __future__ import annotations

import click

from artfs.cli.arguments import PATH_REF
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import write
from artfs.cli.settings import Settings
from artfs.errors import IntegrityError, InvalidInputError
from artfs.format.node import Kind
from artfs.names import PathRef, printable
from artfs.store.read.symlinks import entry_through_links

__all__ = ["command"]


@artfs_command("cat", examples=("artfs cat animals/labels.csv", "artfs cat animals:v0/a.txt animals:v1/a.txt"))
@click.argument("refs", nargs=-1, required=True, metavar="REF/PATH...", type=PATH_REF)
@click.pass_obj
def command(settings: Settings, refs: tuple[PathRef, ...]) -> None:
    """Write files to standard output, byte for byte.

    Symlinks are followed inside the version, references read where they are. Every byte is verified before it is
    written.
    """
    with settings.open_store() as store:
        files = []
        for named in refs:  # all of them exist before the first is written
            ref, path = settings.locate(store, named)
            name = f"{ref}/{printable(b'/'.join(path))}"
            _path, entry = entry_through_links(store, settings.version_to_read(store, ref), path)
            if entry.kind == Kind.DIRECTORY:
                raise InvalidInputError(
                    f"{name.rstrip('/')} is a directory: name a file in it, as {name.rstrip('/')}/FILE, or write it out"
                    " with `artfs get`"
                )
            files.append((name, entry))
        for name, entry in files:
            try:
                for data in store.content.stream(entry):
                    write(data)
            except IntegrityError as error:
                raise IntegrityError(f"{name}: {error}") from error
