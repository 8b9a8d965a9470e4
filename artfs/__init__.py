"""artfs: versioned artifacts for machine learning that you mount.

The public Python API. Nothing here loads FUSE, an event loop or a cloud client.
"""

from artfs import errors
from artfs.errors import ArtfsError

__version__ = "0.1.0"
__all__ = ["ArtfsError", "__version__", "errors"]
