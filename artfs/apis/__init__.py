"""Modules that scripts for W&B import: `artfs.apis.public` as `wandb.apis.public`."""

from artfs.apis import public

__all__ = ["public"]
