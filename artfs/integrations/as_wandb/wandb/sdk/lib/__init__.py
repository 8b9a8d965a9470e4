"""The class of runs that are none: there are no such runs."""

from artfs.integrations.wandb_names import RunDisabled

__all__ = ["RunDisabled"]
