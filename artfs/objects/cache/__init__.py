"""The cache of objects that are elsewhere: bounded, shared by the processes of a user, proved at each read."""

from artfs.objects.cache.cache import Cache, CacheUse
from artfs.objects.cache.cached_object import BLOCK_SIZE, CachedObject

__all__ = ["BLOCK_SIZE", "Cache", "CacheUse", "CachedObject"]
