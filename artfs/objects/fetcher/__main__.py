"""The fetcher's process: `python -m artfs.objects.fetcher DIRECTORY NAME BUDGET IDLE_SECONDS`."""

from __future__ import annotations

import logging
import sys

from artfs.objects.fetcher.starting import detach


def _main() -> None:
    """Be the fetcher, with the environment of whoever started this process."""
    from artfs.objects.client import Client  # noqa: PLC0415 # after the fork
    from artfs.objects.environment import environment  # noqa: PLC0415
    from artfs.objects.fetcher.server import serve  # noqa: PLC0415
    from artfs.objects.fetcher.settings import FetcherSettings  # noqa: PLC0415
    from artfs.objects.settings import load_settings  # noqa: PLC0415

    logging.basicConfig(format="%(asctime)s %(process)d %(message)s")
    variables = environment()
    serve(FetcherSettings.of_arguments(sys.argv[1:]), lambda: Client(load_settings(variables), variables))


if __name__ == "__main__":
    detach()
    _main()
