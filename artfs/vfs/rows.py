"""What the catalog says of artifacts, versions and aliases, held until somebody commits.

Names and aliases change, so the kernel asks for them again and again. Mostly nothing has changed since, and to know
that takes a tenth of the time of looking.
"""

from __future__ import annotations

from typing import Final

from artfs.catalog import AliasRow, Artifact, Catalog, Version
from artfs.names import version_index

__all__ = ["Rows"]

_HELD: Final = 4096

Row = Artifact | AliasRow | Version


class Rows:
    """Rows of the catalog as the last commit left them.

    Args:
        catalog: Where they are.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._snapshot_id = catalog.environment.snapshot_id
        self._at = -1
        self._rows: dict[int | tuple[int, str], Row | None] = {}

    def _held(self) -> dict[int | tuple[int, str], Row | None]:
        """What is held of the last commit. What is found after this was called may be newer, never older."""
        at = self._snapshot_id()
        if at != self._at or len(self._rows) >= _HELD:
            self._rows = {}
            self._at = at
        return self._rows

    def by_serial(self, serial: int) -> Row | None:
        """What bears a serial, deleted artifacts and versions too."""
        held = self._held()
        if serial not in held:
            with self._catalog.view() as view:
                held[serial] = view.by_serial(serial)
        return held[serial]

    def artifact(self, name: str) -> Row | None:
        """The artifact that bears a name."""
        held, key = self._held(), (0, name)
        if key not in held:
            with self._catalog.view() as view:
                held[key] = view.artifact_by_name(name)
        return held[key]

    def member(self, artifact: int, name: str) -> Row | None:
        """The version or alias of that name in the directory of an artifact.

        Raises:
            InvalidInputError: The name is none.
        """
        held, key = self._held(), (artifact, name)
        if key not in held:
            index = version_index(name)
            with self._catalog.view() as view:
                held[key] = view.alias(artifact, name) if index is None else view.version(artifact, index)
        return held[key]
