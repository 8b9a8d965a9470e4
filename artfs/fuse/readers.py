"""The staff of a read-only mount: workers that are all alike."""

from __future__ import annotations

from artfs.fuse.crew import Crew
from artfs.fuse.operations import Handlers
from artfs.fuse.options import MountOptions
from artfs.fuse.seats import Seats
from artfs.fuse.staff import Post
from artfs.fuse.states import States
from artfs.fuse.worker import MakeTree, WorkerSetup, run_worker

__all__ = ["Readers"]


class Readers:
    """Workers.

    Args:
        make_tree: Opens what is shown; called in each worker, after the fork.
        options: How many there are, and how they wait.
    """

    alone = False

    def __init__(self, make_tree: MakeTree, options: MountOptions) -> None:
        self._make_tree = make_tree
        self._options = options
        self._handlers = Handlers()

    def handlers(self) -> Handlers:
        """The handlers of requests."""
        return self._handlers

    def crew(self, post: Post) -> tuple[Crew, States]:
        """The workers, not started yet."""
        options, states = self._options, States(self._options.max_workers)
        setup = WorkerSetup(
            post.session,
            self._handlers,
            self._make_tree,
            states,
            post.log,
            post.clone,
            options.spin_us * 1000,
            Seats(options.seat_count),
        )
        return Crew(lambda slot: run_worker(setup, slot), states, options.worker_count), states
