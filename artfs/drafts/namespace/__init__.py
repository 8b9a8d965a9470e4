"""Namespace of a draft over its base: inodes, directories, and transactions on them."""
