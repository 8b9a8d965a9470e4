"""Files: writes in full, direct writes, durable names, space that is allocated ahead."""

from artfs.files.writes import preallocate, sync_directory, write_all

__all__ = ["preallocate", "sync_directory", "write_all"]
