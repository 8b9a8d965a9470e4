"""What other libraries see of artfs: each in a module of its own, loaded by that library alone."""
