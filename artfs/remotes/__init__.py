"""Object stores that a store can be in: names that are created once, and never changed.

`Remote` is the seam: `DirectoryRemote` for a shared file system, `BucketRemote` for S3, GCS and Azure. What the order
of writes rests on is one thing that all of them do: to create an object only where there is none.
"""

from artfs.remotes.bucket import BucketRemote
from artfs.remotes.commit_log import CommitLog
from artfs.remotes.directory import DirectoryRemote
from artfs.remotes.open_remote import open_remote
from artfs.remotes.probe import check_conditions
from artfs.remotes.remote import ListedObject, Remote

__all__ = ["BucketRemote", "CommitLog", "DirectoryRemote", "ListedObject", "Remote", "check_conditions", "open_remote"]
