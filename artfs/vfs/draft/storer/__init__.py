"""What the storer process does with drafts: their files in the background, and commits."""

from artfs.vfs.draft.storer.committing import Outcome, Progress, Report, SnapshotTaken
from artfs.vfs.draft.storer.storer import DraftStorer

__all__ = ["DraftStorer", "Outcome", "Progress", "Report", "SnapshotTaken"]
