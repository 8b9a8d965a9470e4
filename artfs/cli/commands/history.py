"""`artfs history`: changes to the catalog, from the journal."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import VERSION
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_documents, print_line
from artfs.cli.settings import Settings
from artfs.documents.document import Document
from artfs.documents.history import HistoryReader, history_subject
from artfs.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import Catalog, JournalRecord

__all__ = ["command"]

_HASH = re.compile(r"[0-9a-f]{64}\Z")


@artfs_command(
    "history",
    examples=("artfs history", "artfs history animals -n 20", "artfs history animals:v3", "artfs history --verify"),
)
@click.argument("ref", type=VERSION, required=False)
@click.option("-n", "--max-count", type=click.IntRange(min=1), metavar="N", help="Only the newest N records.")
@click.option("--verify", is_flag=True, help="Check the whole chain of hashes, and print the last one.")
@click.option("--head", metavar="HASH", help="With --verify: a hash that it printed once must still be in the chain.")
@json_option
@click.pass_obj
def command(
    settings: Settings, ref: str | None, max_count: int | None, verify: bool, head: str | None, as_json: bool
) -> None:
    """Show every change to the catalog, the newest last."""
    if verify and (ref is not None or max_count is not None):
        raise InvalidInputError("--verify checks the whole history: leave out REF and -n")
    if head is not None and not (verify and _HASH.match(head)):
        raise InvalidInputError("--head is given with --verify, and is the hash that it printed: 64 digits 0-9 and a-f")
    with settings.open_store() as store:
        if verify:
            _verify(store.catalog, head, as_json)
            return
        found: Iterable[tuple[JournalRecord, Document]] = _records(store.catalog, *history_subject(store.catalog, ref))
        if max_count is not None:
            found = deque(found, max_count)
        if as_json:
            print_documents(document for _record, document in found)
            return
        for record, document in found:
            for line in HistoryReader.lines(record, document):
                print_line(line)


def _verify(catalog: Catalog, head: str | None, as_json: bool) -> None:
    from artfs.catalog.check import verify_chain

    count, last = verify_chain(catalog, None if head is None else bytes.fromhex(head))
    if as_json:
        print_document({"records": count, "head": last.hex()})
    else:
        print_line(
            f"{count:,} {'record' if count == 1 else 'records'}, each follows the one before; the last is {last.hex()}"
        )


def _records(catalog: Catalog, artifact: int | None, index: int | None) -> Iterator[tuple[JournalRecord, Document]]:
    reader = HistoryReader()
    for record in catalog.history():
        document = reader.document(record, artifact, index)
        if document is not None:
            yield record, document
