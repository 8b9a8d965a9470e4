"""A draft: a writable tree over a version, and how a commit makes a version of it."""
