"""What a run has used by what it opened, as its directory has it: for a run that goes on, and for the fold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from artfs.catalog import Use, Version
from artfs.errors import IntegrityError, NotFoundError, StorageError
from artfs.format.runs import MAX_PATHS
from artfs.lineage.home import RunsHome
from artfs.lineage.opened import Opened, read_opened
from artfs.store.store import Store

__all__ = ["used_now"]


def used_now(store: Store, run: str) -> Iterator[Use]:
    """What a run has opened up to now, by version in the order of time; nothing of a run that is folded.

    Args:
        store: The store.
        run: The run's id.

    Raises:
        InvalidInputError: The id breaks the rule.
        StorageError: The run's directory cannot be read.
    """
    home = RunsHome(store.layout.runs).run(run)
    try:
        found = read_opened(home.opened)
    except OSError as error:
        raise StorageError.of(error, f"reading what run {run} opened") from error
    for opened in found:
        with store.catalog.view() as view:
            version = view.by_serial(opened.serial)
        if isinstance(version, Version):
            opened.bits &= (2 << version.tree.entries) - 2  # what damage added is not there
            paths = tuple(_paths(store, version, opened))
            yield Use(version.artifact, version.index, opened.first_ns, opened.count, paths)


def _paths(store: Store, version: Version, opened: Opened) -> Iterator[bytes]:
    """The first in the order of the tree; of a version that gc has taken, or that is damaged, none can be told."""
    with suppress(NotFoundError, IntegrityError):
        for position in islice(opened.positions(), MAX_PATHS):
            trail = store.pages.trail(version.tree.root, position - 1)
            yield b"/".join(entry.name for entry in trail)
