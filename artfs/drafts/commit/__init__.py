"""Commit of a draft: the walk over what changed, its status, and the tree of the next version."""
