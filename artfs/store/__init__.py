"""The store: opens, stores, publishes, reads and compares. Only it composes the layers below."""

from artfs.store.layout import FORMAT_VERSION
from artfs.store.progress import NullProgress, Progress
from artfs.store.store import Store, open_store, root_entry

__all__ = ["FORMAT_VERSION", "NullProgress", "Progress", "Store", "open_store", "root_entry"]
