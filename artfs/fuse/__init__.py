"""FUSE: a store and its drafts as mounted file systems.

    mounting                mount and unmount, which others call; options of a mount
    device/                 the FUSE device, mount points, checks of the machine
    prefork/                serving a mount: supervisor, worker pool, processes, log
    readonly/, staging/     the two kinds of mount
    answers, errno          what both answer alike
    pyfuse3_loop            pyfuse3, one request at a time

No other package imports pyfuse3 and trio. Importing this one loads neither pyfuse3 nor trio nor the store: `mount` does
when it is called.
"""

from artfs.fuse.mounting import mount, mount_staging, unmount
from artfs.fuse.options import MountOptions
from artfs.mountinfo import MountInfo, mounts

__all__ = ["MountInfo", "MountOptions", "mount", "mount_staging", "mounts", "unmount"]
