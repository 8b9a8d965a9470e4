"""The FUSE device: mount, unmount, clone, mount points, and checks of the machine."""
