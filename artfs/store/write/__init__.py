"""Storing: walk, chunk, hash, compress, write packs, build trees."""
