"""LMDB: environments, rows with checksums, checks of its file. No other room imports it."""
