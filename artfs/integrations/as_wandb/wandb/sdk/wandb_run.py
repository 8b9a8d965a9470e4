"""The class of runs, as libraries import it."""

from artfs.api.artifact.artifact_and_run import Run

__all__ = ["Run"]
