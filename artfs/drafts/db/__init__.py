"""Database of a draft: schema of its rows, LMDB environment, redo log, snapshots."""
