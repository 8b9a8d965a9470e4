"""Makes a draft usable whose redo log was damaged: the rows agree again, and what cannot be trusted is refused.

`names` gives every inode the names that lead to it, `contents` looks at extents and data files, `salvage` does both.
"""
