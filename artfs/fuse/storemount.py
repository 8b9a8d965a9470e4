"""The mount of a store: which tree is served, and what its workers share."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from artfs.catalog import check_deaths, note_deaths
from artfs.chunks.cache import PlainCache, SharedPlainCache
from artfs.errors import StorageError
from artfs.fuse.indexwatch import IndexWatch
from artfs.fuse.options import MountOptions
from artfs.fuse.readers import Readers
from artfs.fuse.serve import Service, serve
from artfs.lineage import Capture, RunsHome
from artfs.mountinfo import MountInfo
from artfs.store.layout import Layout, read_layout
from artfs.store.readers import Reader, ReaderCounts
from artfs.store.store import Store
from artfs.vfs.captured import CapturedView
from artfs.vfs.view import StoreView

__all__ = ["serve_store"]

_log = logging.getLogger(__name__)


def serve_store(
    store: str | os.PathLike[str],
    mountpoint: str,
    options: MountOptions,
    on_ready: Callable[[MountInfo], None],
    *,
    verbose: bool,
) -> None:
    """Mount a store and serve it until it is unmounted.

    Args:
        store: The store's directory.
        mountpoint: A directory that was found to be vacant.
        options: How to serve it.
        on_ready: Called when the mount answers.
        verbose: Copy the log to stderr.

    Raises:
        ArtfsError: The store cannot be opened or not be mounted.
    """
    layout = read_layout(Path(store))
    check_deaths(layout.index)
    cache = SharedPlainCache(options.cache_mib << 20, layout.format.chunker.max_size) if options.cache_mib else None
    try:
        reader = Reader(layout.readers)
    except OSError as error:
        raise StorageError.of(error, f"telling gc of the mount in {layout.readers}") from error
    staff = Readers(lambda before: _view(layout, cache, ReaderCounts(reader.directory), before), options)
    try:
        outdated = IndexWatch(layout).replaced
        serve(Service(layout.root, mountpoint, staff, options, verbose=verbose, outdated=outdated), on_ready)
    finally:
        reader.close()


def _view(
    layout: Layout, cache: PlainCache | None, counts: ReaderCounts, before_loading: Callable[[], None]
) -> StoreView:
    """What a worker shows: without runs where the store lets nothing be noted."""
    note_deaths(layout.index)
    store = Store(layout, cache, before_loading)
    try:
        return CapturedView(store, Capture(RunsHome(layout.runs)), counts)
    except OSError as error:
        _log.warning("what runs open is not noted: %s", error)
        return StoreView(store, counts)
