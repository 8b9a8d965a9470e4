"""The classes that scripts for W&B import from `wandb.apis.public`; they are at home in `artfs.api`."""

from artfs.api.artifact.artifact import Artifact
from artfs.api.public import Api, ArtifactCollection, ArtifactType
from artfs.api.run.run import Run

__all__ = ["Api", "Artifact", "ArtifactCollection", "ArtifactType", "Run"]
