"""What the package `wandb` of `as_wandb` is made of: W&B's modules by their names there, and `init`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import wraps
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from artfs.api.environment import wandb_keywords
from artfs.api.init import init as _init
from artfs.api.run.run import Run

__all__ = ["WANDB_VERSION", "RunDisabled", "find_modules_of", "init"]

WANDB_VERSION: Final = "0.22.0+artfs"
"""The version of W&B's interface that libraries are told; the package's metadata has it too."""

_MODULES: Final = frozenset({"apis", "apis.public", "errors", "util"})


class RunDisabled:
    """The class of W&B's runs that keep nothing; nothing is of it here."""


@wraps(_init)
def init(*given: Any, **named: Any) -> Run:
    """Start a run as `artfs.init` does; what is not given, or None, is taken from `$WANDB_PROJECT` and the like."""
    return _init(*given, **wandb_keywords() | {word: value for word, value in named.items() if value is not None})


def find_modules_of(package: str) -> None:
    """Let `import PACKAGE.errors` and the like find the modules of artfs: the same ones, so their classes are too."""
    sys.meta_path.insert(0, _Modules(package))


class _Modules(MetaPathFinder, Loader):
    def __init__(self, package: str) -> None:
        self._prefix = f"{package}."
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        known = fullname.startswith(self._prefix) and fullname.removeprefix(self._prefix) in _MODULES
        return ModuleSpec(fullname, self) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(f"artfs.{spec.name.removeprefix(self._prefix)}")
        self._specs[module.__name__] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, which the import has replaced; it is executed already."""
        module.__spec__ = self._specs.pop(module.__name__)
