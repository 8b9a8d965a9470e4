"""The class `Artifact` and its parts. Pickles of artifacts name `_reopened` by this package."""

from artfs.api.artifact.artifact import Artifact, _reopened

__all__ = ["Artifact", "_reopened"]
