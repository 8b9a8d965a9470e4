"""`artfs version`: which artfs this is."""

from __future__ import annotations

from artfs import __version__
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_line

__all__ = ["command"]


@artfs_command("version", examples=("artfs version", "artfs version --json"))
@json_option
def command(as_json: bool) -> None:
    """Print the version of artfs, of Python and of its formats.

    The formats are the newest ones that it reads and writes: of a store, and of the files of `artfs export`.
    """
    import platform

    from artfs.format.bundle import BUNDLE_VERSION
    from artfs.store.layout import FORMAT_VERSION

    if as_json:
        print_document(
            {
                "version": __version__,
                "python": platform.python_version(),
                "system": f"{platform.system()} {platform.release()} {platform.machine()}",
                "store_format": FORMAT_VERSION,
                "bundle_format": BUNDLE_VERSION,
            }
        )
    else:
        print_line(f"artfs {__version__}")
        print_line(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
        print_line(f"format {FORMAT_VERSION} of stores, {BUNDLE_VERSION} of exported files")
