"""Strategies and contract suites for tests of artfs and of its extensions; only tests import it."""
