"""A version, and the whole store, as a file tree; FUSE, fsspec and the web page translate it."""

from artfs.vfs.attributes import Attr
from artfs.vfs.inodes import ROOT_INODE
from artfs.vfs.view import StoreView

__all__ = ["ROOT_INODE", "Attr", "StoreView"]
