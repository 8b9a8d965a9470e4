"""`artfs help`: pages of the documentation that ships with artfs."""

from __future__ import annotations

from importlib import resources

import click

from artfs.cli.arguments import TOPIC
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import print_line
from artfs.cli.render.page import print_page
from artfs.errors import NotFoundError
from artfs.names import quoted
from artfs.spelling import nearest

__all__ = ["command"]


@artfs_command("help", examples=("artfs help", "artfs help tasks", "artfs help put"))
@click.argument("topic", required=False, type=TOPIC)
@click.pass_context
def command(ctx: click.Context, topic: str | None) -> None:
    """Print a page of the documentation.

    Or the help of a command; without a topic, a list of the pages. On a terminal a page is laid out, and shown by
    $PAGER or `less` if it is longer than the screen.
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
        print_page(page.read_bytes())
        return
    from artfs.cli.root import cli

    root = ctx.find_root()
    described = cli.get_command(root, topic)
    if described is None:
        said = f"no page and no command is called {quoted(topic)}"
        meant = nearest(topic, (*pages, *cli.list_commands(root)))
        if meant is not None:
            raise NotFoundError(f"{said}: did you mean `artfs help {meant}`? `artfs help` lists the pages")
        raise NotFoundError(f"{said}: `artfs help` lists the pages")
    print_line(described.get_help(click.Context(described, info_name=topic, parent=root)))
