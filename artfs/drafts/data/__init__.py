"""File contents of a draft until they are stored: data files, space, extents, dirty files."""
