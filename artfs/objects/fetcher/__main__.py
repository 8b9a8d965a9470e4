"""The fetcher's process: `python -m artfs.objects.fetcher DIRECTORY NAME BUDGET IDLE_SECONDS TIMEOUT_SECONDS`."""

from __future__ import annotations

import logging
import sys
from typing import Final

from artfs.objects.fetcher.starting import detach

_SWITCH_SECONDS: Final = 0.0005
"""The event loop shares the interpreter with the threads that write the cache. With Python's 5 ms each answer waited up
to that long for them: 8 readers of small objects 20 ms away had 0.80 of the rate of their own requests, now 0.88."""


def _main() -> None:
    """Be the fetcher, with the environment of whoever started this process."""
    from artfs.objects.client import Client  # noqa: PLC0415 # after the fork
    from artfs.objects.environment import environment  # noqa: PLC0415
    from artfs.objects.fetcher.server import serve  # noqa: PLC0415
    from artfs.objects.fetcher.settings import FetcherSettings  # noqa: PLC0415
    from artfs.objects.settings import load_settings  # noqa: PLC0415

    logging.basicConfig(format="%(asctime)s %(process)d %(message)s")
    variables = environment()
    sys.setswitchinterval(_SWITCH_SECONDS)
    serve(FetcherSettings.of_arguments(sys.argv[1:]), lambda: Client(load_settings(variables), variables))


if __name__ == "__main__":
    detach()
    _main()
