"""The classes that scripts for W&B import from `wandb.apis.public`; they are at home in `artfs.api`."""

from artfs.api.artifact.artifact_and_run import Artifact, Run
from artfs.api.public import Api, ArtifactCollection, ArtifactType

__all__ = ["Api", "Artifact", "ArtifactCollection", "ArtifactType", "Run"]
