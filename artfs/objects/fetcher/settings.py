"""Settings of a fetcher: its cache, its socket, and how it is started."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.errors import InvalidInputError
from artfs.format.digest import digest
from artfs.objects.environment import cache_directory, config_path
from artfs.objects.settings import load_settings

__all__ = ["FetcherSettings"]

_IDLE_SECONDS: Final = 10.0
_TIMEOUT_SECONDS: Final = 60.0
# What credentials and connections depend on: where the providers' tools and obstore look.
_PREFIXES: Final = ("AWS_", "AZURE_", "ARTFS_C", "BOTO_", "CLOUDSDK_", "GOOGLE_", "OBJECT_STORE_", "SSL_CERT_", "XDG_")
_NAMES: Final = frozenset({"HOME", "NETRC", "STORAGE_EMULATOR_HOST", "ARTFS_FETCHER_TIMEOUT_SECONDS"})


@dataclass(frozen=True, slots=True)
class FetcherSettings:
    """Settings of a fetcher.

    Attributes:
        directory: Of the cache.
        name: Tells fetchers of one cache apart: they have other environments, and so may have other credentials.
        budget: Bytes that the cache may take on the disk; None: see `Cache`.
        idle_seconds: The fetcher ends so long after its last client.
        timeout_seconds: A read fails when the server has brought nothing for so long.
        program: The command that starts it, before its options.
        variables: Its environment; None: that of the process that starts it.
    """

    directory: Path
    name: str
    budget: int | None = None
    idle_seconds: float = _IDLE_SECONDS
    timeout_seconds: float = _TIMEOUT_SECONDS
    program: tuple[str, ...] = (sys.executable, "-m", "artfs.objects.fetcher")
    variables: Mapping[str, str] | None = None

    @property
    def socket(self) -> Path:
        """The socket that it listens at."""
        return self.directory / f"fetcher-{self.name}.socket"

    @property
    def lock(self) -> Path:
        """The file that it has locked as long as it lives."""
        return self.directory / f"fetcher-{self.name}.lock"

    @property
    def log(self) -> Path:
        """The file that its messages go to."""
        return self.directory / f"fetcher-{self.name}.log"

    @property
    def command(self) -> list[str]:
        """The command that starts it."""
        budget = "" if self.budget is None else str(self.budget)
        seconds = str(self.idle_seconds), str(self.timeout_seconds)
        return [*self.program, str(self.directory), self.name, budget, *seconds]

    @classmethod
    def of_environment(cls, variables: Mapping[str, str]) -> FetcherSettings:
        """Return the settings of the fetcher for an environment and the user's configuration.

        Raises:
            InvalidInputError: The configuration cannot be used, or no directory for the cache is known.
        """
        return cls(
            cache_directory(variables),
            _name(variables),
            load_settings(variables).cache.bytes(),
            _seconds(variables, "ARTFS_FETCHER_IDLE_SECONDS", _IDLE_SECONDS),
            _seconds(variables, "ARTFS_FETCHER_TIMEOUT_SECONDS", _TIMEOUT_SECONDS),
            variables=variables,
        )

    @classmethod
    def of_arguments(cls, arguments: list[str]) -> FetcherSettings:
        """Return the settings that a command was made of."""
        directory, name, budget, idle, timeout = arguments
        return cls(Path(directory), name, int(budget) if budget else None, float(idle), float(timeout))


def _seconds(variables: Mapping[str, str], name: str, default: float) -> float:
    """Return what a variable says in seconds.

    Raises:
        InvalidInputError: It is no positive number.
    """
    value = variables.get(name, "")
    try:
        seconds = float(value or default)
    except ValueError:
        raise InvalidInputError(f"${name} is no number: {value!r}") from None
    if not 0 < seconds < math.inf:
        raise InvalidInputError(f"${name} must be more than 0: it is {value!r}")
    return seconds


def _name(variables: Mapping[str, str]) -> str:
    """Return a name that fetchers share which would have the same credentials, connections and code."""
    chosen = sorted(
        (name, value)
        for name, value in variables.items()
        if name.startswith(_PREFIXES) or name in _NAMES or name.lower().endswith("_proxy")
    )
    path = config_path(variables)
    changed = path.stat().st_mtime_ns if path.exists() else 0
    return digest(repr((chosen, changed, sys.executable, __file__, Path(__file__).stat().st_mtime_ns)).encode()).hex()[
        :16
    ]
