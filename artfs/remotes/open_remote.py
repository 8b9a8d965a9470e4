"""The remote that a URL names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from artfs.errors import InvalidInputError
from artfs.names import quoted
from artfs.remotes.bucket import BucketRemote
from artfs.remotes.directory import DirectoryRemote
from artfs.remotes.remote import Remote

__all__ = ["open_remote"]

_BUCKETS = frozenset({"s3", "gs", "az", "abfs", "abfss"})


def open_remote(url: str, variables: Mapping[str, str]) -> Remote:
    """Return the object store at a URL; nothing is sent yet.

    Args:
        url: `s3://BUCKET/PREFIX`, `gs://...`, `az://...`, `abfs[s]://...`, or `file:///DIRECTORY`.
        variables: The environment, for settings and credentials.

    Raises:
        InvalidInputError: It is none of these, or holds a credential.
        StoreRefusedError: What it takes is not installed.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise InvalidInputError(f"{quoted(url)} is no directory of this machine: write file:///DIRECTORY")
        return DirectoryRemote(Path(unquote(parts.path)).resolve())
    if scheme not in _BUCKETS:
        raise InvalidInputError(f"no store can be at {quoted(url)}: write s3://, gs://, az:// or file:///DIRECTORY")
    if parts.query or parts.fragment or ("@" in parts.netloc and scheme not in {"abfs", "abfss"}):
        raise InvalidInputError("the URL of a store holds a bucket and a prefix alone, and never a credential")
    return BucketRemote(url, variables)
