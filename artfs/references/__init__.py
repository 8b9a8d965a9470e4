"""References: bytes that stay where they are, read through a handler per scheme and checked as they are read."""

from artfs.references.handler import Found, Handler
from artfs.references.registry import find, is_readable, read, register, scheme_of

__all__ = ["Found", "Handler", "find", "is_readable", "read", "register", "scheme_of"]
