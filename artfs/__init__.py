"""artfs: versioned artifacts for machine learning that you mount.

The public Python API. Nothing here loads FUSE, an event loop or a cloud client; each name is loaded when it is first
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from artfs import errors
from artfs.errors import ArtfsError

if TYPE_CHECKING:
    from artfs.api.artifact.artifact_and_run import Artifact, Run
    from artfs.api.init import init
    from artfs.api.public import Api
    from artfs.store.store import open_store

__version__ = "0.1.0"
__all__ = ["Api", "ArtfsError", "Artifact", "Run", "__version__", "errors", "init", "open_store"]

_HOMES = {
    "Api": "artfs.api.public",
    "Artifact": "artfs.api.artifact.artifact_and_run",
    "Run": "artfs.api.artifact.artifact_and_run",
    "init": "artfs.api.init",
    "open_store": "artfs.store.store",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'artfs' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
