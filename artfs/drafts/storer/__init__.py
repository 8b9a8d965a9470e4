"""The storer of drafts: it stores their files in the background, and commits them."""

from artfs.drafts.storer.committer import CommitOutcome, CommitProgress, Report, SnapshotOpened
from artfs.drafts.storer.storer import DraftStorer

__all__ = ["CommitOutcome", "CommitProgress", "DraftStorer", "Report", "SnapshotOpened"]
