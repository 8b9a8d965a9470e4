"""What the answers of one server have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from artfs.web.capabilities import Capabilities
from artfs.web.history_index import HistoryIndex
from artfs.web.kept_results import KeptResults
from artfs.web.kept_totals import KeptTotals

if TYPE_CHECKING:
    from artfs.documents.document import Document
    from artfs.web.current_store import CurrentStore

__all__ = ["Site"]


@dataclass(frozen=True, slots=True)
class Site:
    """The store that is shown, and what is kept from one request to the next.

    Attributes:
        store: The store.
        check: Returns what `artfs doctor --json` prints.
        capabilities: Keys to the bytes of versions.
        results: What took long to find.
        history: Finds records of the journal.
        totals: Counts the versions of artifacts.
    """

    store: CurrentStore
    check: Callable[[], Document]
    capabilities: Capabilities = field(default_factory=Capabilities)
    results: KeptResults = field(default_factory=KeptResults)
    history: HistoryIndex = field(default_factory=HistoryIndex)
    totals: KeptTotals = field(default_factory=KeptTotals)
