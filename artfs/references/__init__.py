"""References: bytes that stay where they are, read and checked through a handler per scheme.

`file:` and the schemes of `objects/locations.py` (S3, GCS, Azure, the web) come with artfs. A handler of another scheme
is registered by the program, or by an installed package through an entry point of the group `artfs.references`, whose
name is the scheme and which is called without arguments to make the handler: that one serves mounts and the command
line too.
"""

from artfs.references.handler import Found, Handler, Reader
from artfs.references.handlers import Handlers, register
from artfs.references.uris import scheme_of

__all__ = ["Found", "Handler", "Handlers", "Reader", "register", "scheme_of"]
