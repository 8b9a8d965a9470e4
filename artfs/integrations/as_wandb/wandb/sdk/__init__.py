"""The few of W&B's own modules that libraries import."""
