"""Credentials and region as the AWS tools find them: variables, `~/.aws/credentials`, `~/.aws/config`, a profile.

obstore itself reads the variables, and asks the services of containers and instances. Profiles that need more than a
key (single sign-on, roles, a program) are resolved by boto3, if that is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Any

from artfs.errors import InvalidInputError, SourceError
from artfs.objects.environment import home_directory

__all__ = ["aws_options"]

_FOR_BOTO = (
    "sso_session",
    "sso_start_url",
    "role_arn",
    "credential_process",
    "web_identity_token_file",
    "login_session",
)


def aws_options(profile: str | None, variables: Mapping[str, str], *, anonymous: bool) -> tuple[dict[str, Any], Any]:
    """Return obstore's options for S3, and what gives it credentials (None: what the options or obstore itself have).

    Args:
        profile: As the settings name it; None: `$AWS_PROFILE`, else `default` where no variable gives a key.
        variables: The environment.
        anonymous: No credentials are wanted.

    Raises:
        InvalidInputError: There is no such profile.
        SourceError: It needs boto3, which is not installed.
    """
    named = profile or variables.get("AWS_PROFILE") or variables.get("AWS_DEFAULT_PROFILE")
    name = named or "default"
    found = _profile(name, variables)
    if not found and named:
        raise InvalidInputError(f"there is no AWS profile {named!r} in the files of the AWS tools")
    options: dict[str, Any] = {}
    if "region" in found and not (variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")):
        options["region"] = found["region"]
    if "endpoint_url" in found and not (variables.get("AWS_ENDPOINT_URL") or variables.get("AWS_ENDPOINT_URL_S3")):
        options["endpoint"] = found["endpoint_url"]
    if anonymous or (variables.get("AWS_ACCESS_KEY_ID") and not profile):
        return options, None
    if "aws_access_key_id" in found:
        options["access_key_id"] = found["aws_access_key_id"]
        options["secret_access_key"] = found.get("aws_secret_access_key", "")
        if "aws_session_token" in found:
            options["session_token"] = found["aws_session_token"]
        return options, None
    if any(key in found for key in _FOR_BOTO):
        return options, _boto3_provider(name)
    return options, None


def _profile(name: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the two files say of a profile, the one of credentials first."""
    directory = home_directory(variables) / ".aws"
    config = Path(variables.get("AWS_CONFIG_FILE") or directory / "config").expanduser()
    credentials = Path(variables.get("AWS_SHARED_CREDENTIALS_FILE") or directory / "credentials").expanduser()
    section = name if name == "default" else f"profile {name}"
    return {**_section(config, section), **_section(credentials, name)}


def _section(path: Path, section: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, default_section="", strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (Error, UnicodeDecodeError, OSError):  # its message could hold a line of the file
        raise InvalidInputError(f"{path} is not as the AWS tools write it: correct it") from None
    return dict(parser[section]) if parser.has_section(section) else {}


def _boto3_provider(profile: str) -> Any:
    try:
        from boto3 import Session  # noqa: PLC0415 # if it is installed
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415
    except ImportError:
        raise SourceError(
            f"AWS profile {profile!r} needs boto3 for its credentials: pip install boto3, or set AWS_ACCESS_KEY_ID"
        ) from None
    return Boto3CredentialProvider(Session(profile_name=profile))
