"""`artfs init`: make a store."""

from __future__ import annotations

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import json_option, print_document, print_result
from artfs.cli.settings import Settings
from artfs.names import printable

__all__ = ["command"]


@artfs_command("init", examples=("artfs init", "artfs init /data/artifacts", "artfs --store /data/artifacts init"))
@click.argument("directory", required=False, metavar="[STORE]", type=click.Path(readable=False))
@json_option
@click.pass_obj
def command(settings: Settings, directory: str | None, as_json: bool) -> None:
    """Make a store in a new or empty directory.

    `artfs put` does it too when there is none. A store that is there already stays as it is.
    """
    if directory is not None:
        settings.store = directory
    path = settings.store_path
    existed = (path / "format.json").exists()
    with settings.open_store(create=True) as opened:
        store_id = opened.layout.format.store_id
    if as_json:
        print_document({"store": str(path), "id": store_id, "created": not existed})
    else:
        place = printable(str(path))
        print_result(f"{place} is a store already" if existed else f"made a store in {place}", "the store is made")
