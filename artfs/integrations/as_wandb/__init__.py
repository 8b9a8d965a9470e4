"""A directory for `PYTHONPATH`: with it, `import wandb` finds artfs. `artfs run --wandb` puts it there."""
