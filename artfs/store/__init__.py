"""The store: opens, stores, publishes, reads, compares. The only composer of the layers below it."""

from artfs.store.layout import FORMAT_VERSION
from artfs.store.progress import Progress, Quiet
from artfs.store.store import Store, open_store, root_entry

__all__ = ["FORMAT_VERSION", "Progress", "Quiet", "Store", "open_store", "root_entry"]
