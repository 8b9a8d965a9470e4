"""Histories of runs, which are files beside the catalog: given to the runs of another store."""

from __future__ import annotations

from collections.abc import Mapping

from artfs.errors import IntegrityError
from artfs.lineage import StepFiles
from artfs.store import Store

__all__ = ["copy_histories"]


def copy_histories(source: Store, target: Store, runs: Mapping[str, str]) -> None:
    """Give runs of another store the histories that they have here.

    Args:
        source: The store that has them.
        target: The store that has the runs, too.
        runs: Ids of the runs there, by those here.

    Raises:
        IntegrityError: A history is damaged; the others are copied.
        StorageError: One cannot be read or written.
    """
    damaged: list[IntegrityError] = []
    for here, there in runs.items():
        try:
            StepFiles(source.layout.steps, here).copy_to(StepFiles(target.layout.steps, there))
        except IntegrityError as error:
            damaged.append(error)
    if damaged:
        raise damaged[0]
