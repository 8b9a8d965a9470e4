"""FUSE: the tree of `artfs.vfs` as a mounted file system. The only package that imports pyfuse3 and trio.

    mount, unmount, mounts      what others call
    storemount, serve           one mount in one process, from the first request to the last
    supervisor, crew, worker    the processes of a mount
    operations, loop            requests, answered one at a time by a worker

Importing this package loads neither pyfuse3 nor trio nor the store: `mount` does when it is called.
"""

from artfs.fuse.mount import mount, mount_staging, unmount
from artfs.fuse.options import MountOptions
from artfs.mountinfo import MountInfo, mounts

__all__ = ["MountInfo", "MountOptions", "mount", "mount_staging", "mounts", "unmount"]
