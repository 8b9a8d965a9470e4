"""The client of S3, GCS and Azure, over obstore, and of web servers.

The only room that imports obstore, and at use alone: it has threads, and no process that forks may load it.
"""

from artfs.objects.client.client import Client

__all__ = ["Client"]
