"""Objects elsewhere: S3, GCS, Azure and HTTP, named by URI and state, read by ranges.

Nothing here knows of artifacts or of trees. `client` is the one room that speaks with object stores.
"""

from artfs.objects.object_client import ObjectClient, TransientError
from artfs.objects.remote_object import FoundObject, RemoteObject

__all__ = ["FoundObject", "ObjectClient", "RemoteObject", "TransientError"]
