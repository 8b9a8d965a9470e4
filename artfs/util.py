"""What scripts for W&B import from `wandb.util`."""

from artfs.api.run.ids import new_id as generate_id

__all__ = ["generate_id"]
