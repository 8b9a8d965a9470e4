"""The class `Artifact` and its parts. Pickles of artifacts name `_reopened` by this package."""

from artfs.api.artifact.artifact_and_run import Artifact, _reopened

__all__ = ["Artifact", "_reopened"]
