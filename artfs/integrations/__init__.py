"""Adapters for other libraries, each in a module of its own, loaded by that library alone."""
