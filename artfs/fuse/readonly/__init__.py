"""The read-only mount of a store."""
