"""A fetcher's process over the objects in a directory: `fetcher_child.py OBJECTS`, and what `FetcherSettings` adds."""

from __future__ import annotations

import sys
from pathlib import Path

from artfs.objects.fetcher.starting import detach

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    detach()
    from artfs.objects.fetcher.limits import Limits
    from artfs.objects.fetcher.server import serve
    from artfs.objects.fetcher.settings import FetcherSettings
    from tests.support.models.fakeobjects import FakeObjects

    objects = FakeObjects(Path(sys.argv[1]))
    limits = Limits(stall_seconds=1.0, total_seconds=2.0, first_delay=0.01)
    serve(FetcherSettings.of_arguments(sys.argv[2:]), lambda: objects, limits)
