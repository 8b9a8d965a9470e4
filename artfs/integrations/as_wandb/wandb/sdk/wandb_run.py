"""The class of runs, as libraries import it."""

from artfs.api.run.run import Run

__all__ = ["Run"]
