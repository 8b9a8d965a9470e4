"""The store as a read-only file tree, without a protocol; the read-only mount serves it by FUSE."""

from artfs.vfs.attributes import Attr
from artfs.vfs.inodes import ROOT_INODE
from artfs.vfs.view import StoreView

__all__ = ["ROOT_INODE", "Attr", "StoreView"]
