"""The error of values that a config cannot have."""

from artfs.errors import InvalidInputError as ConfigError

__all__ = ["ConfigError"]
