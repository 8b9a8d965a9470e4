"""Rows of a draft as of its last checkpoint, with the store that is under them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from artfs.cli.control_client.control_directory import ControlDirectory
from artfs.cli.control_client.mounted import store_of
from artfs.errors import NotFoundError
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.drafts.commit.upstream import Upstream
    from artfs.drafts.view import FrozenDraft
    from artfs.store import Store

__all__ = ["open_rows"]


@contextmanager
def open_rows(draft: ControlDirectory) -> Iterator[tuple[FrozenDraft, Store, Upstream] | None]:
    """Open the rows, store and upstream of a draft; None if only the mount is visible, as in a container.

    Raises:
        NotFoundError: The draft was discarded a moment ago.
    """
    from artfs.drafts.commit.upstream import upstream_of
    from artfs.drafts.registry import DraftRegistry
    from artfs.drafts.view import FrozenDraft
    from artfs.kv import crash_marker
    from artfs.store import open_store

    top, name = os.path.split(draft.top)
    path = store_of(top)
    with ExitStack() as stack:
        if path is None or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield None
            return
        crash_marker.install(path / "index")
        store = stack.enter_context(open_store(path))
        paths = [location.path for location in DraftRegistry(store.layout.drafts).list() if location.name == name]
        if not paths:
            raise NotFoundError(f"{quoted(draft.top)} was discarded a moment ago")
        rows = stack.enter_context(FrozenDraft(paths[0], store))
        yield rows, store, upstream_of(store.catalog, paths[0], rows.origin)
