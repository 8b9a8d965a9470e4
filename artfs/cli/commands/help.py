"""`artfs help`: pages of the documentation that ships with artfs."""

from __future__ import annotations

from importlib import resources

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import print_line, write
from artfs.errors import NotFoundError
from artfs.names import quoted

__all__ = ["command"]


@artfs_command("help", examples=("artfs help", "artfs help commands", "artfs help put"))
@click.argument("topic", required=False)
@click.pass_context
def command(ctx: click.Context, topic: str | None) -> None:
    """Print a page of the documentation.

    Or the help of a command; without a topic, a list of the pages.
    """
    pages = {
        page.name.removesuffix(".md").lower(): page
        for page in resources.files("artfs").joinpath("docs").iterdir()
        if page.name.endswith(".md")
    }
    if topic is None:
        for name in sorted(pages):
            title = pages[name].read_text("utf-8").partition("\n")[0].lstrip("# ")
            print_line(f"{name:<14}{title}")
        return
    if page := pages.get(topic.lower()):
        write(page.read_bytes())
        return
    from artfs.cli.root import cli

    root = ctx.find_root()
    described = cli.get_command(root, topic)
    if described is None:
        raise NotFoundError(f"no page and no command is called {quoted(topic)}: `artfs help` lists the pages")
    print_line(described.get_help(click.Context(described, info_name=topic, parent=root)))
