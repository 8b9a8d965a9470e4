"""`artfs config`: the user's settings for objects elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from artfs.cli.command import ArtfsGroup, common_options
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_done, print_line, print_note
from artfs.documents.document import json_text
from artfs.errors import InvalidInputError, NotFoundError
from artfs.names import printable

if TYPE_CHECKING:
    from pathlib import Path

    from artfs.objects.config_keys import ConfigKey, ConfigValue

__all__ = ["command"]


def _candidates(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the keys that are set, and the size of the cache."""
    from artfs.objects.config_keys import CACHE_SIZE

    try:
        known = {str(CACHE_SIZE), *map(str, _settings()[1])}
    except InvalidInputError:
        known = {str(CACHE_SIZE)}
    return [key for key in sorted(known) if key.startswith(incomplete)]


_key_argument = click.argument("key", metavar="KEY", shell_complete=_candidates)


@click.group(
    "config",
    cls=ArtfsGroup,
    invoke_without_command=True,
    examples=(
        "artfs config",
        "artfs config set cache.size 50GiB",
        "artfs config set objects.s3://photos.endpoint https://minio.example:9000",
    ),
)
@json_option
@common_options
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show or change your settings for objects elsewhere.

    KEY is cache.size, the most that the cache may take, or objects.URI.NAME for what is below the URI of a bucket or
    prefix (of several the longest counts); NAME is endpoint, region, anonymous, profile, account or requester_pays. All
    are in $ARTFS_CONFIG, else artfs/config.toml in your configuration directory, and hold for all stores.
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@artfs_command("ls", examples=("artfs config ls", "artfs config ls --json"))
@json_option
def ls(as_json: bool) -> None:
    """List what is set, as `artfs config` alone does."""
    _list(as_json)


@artfs_command("get", examples=("artfs config get cache.size",))
@_key_argument
@json_option
def get(key: str, as_json: bool) -> None:
    """Print the value of a setting."""
    from artfs.objects.config_keys import parse_key

    wanted = parse_key(key)
    path, settings = _settings()
    value = settings.get(wanted)
    if value is None:
        raise NotFoundError(f"{wanted} is not set in {printable(os.fsencode(path))}: `artfs config` lists what is")
    if as_json:
        print_document({"key": str(wanted), "value": value})
    else:
        print_line(_text(value))


@artfs_command(
    "set",
    examples=(
        "artfs config set cache.size 50GiB",
        "artfs config set objects.s3://photos.endpoint https://minio.example:9000",
        "artfs config set objects.s3://photos/public.anonymous true",
    ),
)
@_key_argument
@click.argument("value", metavar="VALUE")
@json_option
def set_(key: str, value: str, as_json: bool) -> None:
    """Set a setting; the rest of the file stays as it is."""
    from artfs.objects.config_keys import parse_key

    meant = parse_key(key)
    _change(meant, meant.value(value), as_json)


@artfs_command(
    "unset", examples=("artfs config unset cache.size", "artfs config unset objects.s3://photos/public.anonymous")
)
@_key_argument
@json_option
def unset(key: str, as_json: bool) -> None:
    """Remove a setting, so that its default holds."""
    from artfs.objects.config_keys import parse_key

    _change(parse_key(key), None, as_json)


for part in (ls, get, set_, unset):
    command.add_command(part)


def _settings() -> tuple[Path, dict[ConfigKey, ConfigValue]]:
    """Return the configuration file and what it sets."""
    from artfs.objects.config_keys import set_keys
    from artfs.objects.environment import config_path
    from artfs.objects.settings import load_settings

    return config_path(os.environ), dict(set_keys(load_settings(os.environ)))


def _list(as_json: bool) -> None:
    path, settings = _settings()
    if as_json:
        rows = [{"key": str(key), "value": value} for key, value in settings.items()]
        print_document({**json_text("path", os.fsencode(path)), "settings": rows})
        return
    for key, value in settings.items():
        print_line(f"{printable(os.fsencode(str(key)))} = {printable(os.fsencode(_text(value)))}")
    if not settings:
        print_note(f"nothing is set in {printable(os.fsencode(path))}")


def _change(key: ConfigKey, value: ConfigValue | None, as_json: bool) -> None:
    from artfs.objects.config_file import change_config
    from artfs.objects.environment import config_path

    path = config_path(os.environ)
    changed = change_config(path, key, value)
    if as_json:
        print_document({**json_text("path", os.fsencode(path)), "key": str(key), "value": value, "changed": changed})
        return
    said = "is not set" if value is None else f"is {_text(value)}"
    print_done(f"{key} {said} in {printable(os.fsencode(path))}", "it is written")


def _text(value: ConfigValue) -> str:
    """Write a value as `artfs config set` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
