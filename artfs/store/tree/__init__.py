"""The Merkle tree of a version: pages read, built, edited and compared, over the bytes that `artfs.format` defines."""
