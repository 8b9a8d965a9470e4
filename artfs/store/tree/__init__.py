"""Merkle tree of a version: read, build, edit and compare its nodes."""
