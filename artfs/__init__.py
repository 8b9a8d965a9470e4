"""artfs: versioned artifacts for machine learning that you mount.

The public Python API. Nothing here loads FUSE, an event loop or a cloud client; each name is loaded when it is first
used. `run`, `config` and `summary` are those of the current run, `run` None outside of runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from artfs import errors
from artfs.errors import ArtfsError

if TYPE_CHECKING:
    from artfs import apis, util
    from artfs.api.artifact.artifact import Artifact
    from artfs.api.init import init
    from artfs.api.lines import termerror, termlog, termwarn
    from artfs.api.module_level import (
        Settings,
        alert,
        define_metric,
        finish,
        finish_artifact,
        log,
        log_artifact,
        log_model,
        login,
        require,
        save,
        setup,
        unwatch,
        upsert_artifact,
        use_artifact,
        use_model,
        watch,
    )
    from artfs.api.public import Api
    from artfs.api.run.config import ConfigDict, RunConfig
    from artfs.api.run.notices import AlertLevel
    from artfs.api.run.run import Run
    from artfs.store.store import open_store

    run: Run | None
    config: RunConfig
    summary: ConfigDict

__version__ = "0.1.0"
__all__ = [
    "AlertLevel",
    "Api",
    "ArtfsError",
    "Artifact",
    "Run",
    "Settings",
    "__version__",
    "alert",
    "apis",
    "define_metric",
    "errors",
    "finish",
    "finish_artifact",
    "init",
    "log",
    "log_artifact",
    "log_model",
    "login",
    "open_store",
    "require",
    "save",
    "setup",
    "termerror",
    "termlog",
    "termwarn",
    "unwatch",
    "upsert_artifact",
    "use_artifact",
    "use_model",
    "util",
    "watch",
]

_MODULE_LEVEL = "artfs.api.module_level"
_LINES = "artfs.api.lines"
_HOMES = {
    "AlertLevel": "artfs.api.run.notices",
    "Api": "artfs.api.public",
    "Artifact": "artfs.api.artifact.artifact",
    "CommError": "artfs.errors",
    "Error": "artfs.errors",
    "Run": "artfs.api.run.run",
    "Settings": _MODULE_LEVEL,
    "UsageError": "artfs.errors",
    "alert": _MODULE_LEVEL,
    "define_metric": _MODULE_LEVEL,
    "finish": _MODULE_LEVEL,
    "finish_artifact": _MODULE_LEVEL,
    "init": "artfs.api.init",
    "log": _MODULE_LEVEL,
    "log_artifact": _MODULE_LEVEL,
    "log_model": _MODULE_LEVEL,
    "login": _MODULE_LEVEL,
    "open_store": "artfs.store.store",
    "require": _MODULE_LEVEL,
    "save": _MODULE_LEVEL,
    "setup": _MODULE_LEVEL,
    "termerror": _LINES,
    "termlog": _LINES,
    "termwarn": _LINES,
    "unwatch": _MODULE_LEVEL,
    "upsert_artifact": _MODULE_LEVEL,
    "use_artifact": _MODULE_LEVEL,
    "use_model": _MODULE_LEVEL,
    "watch": _MODULE_LEVEL,
}
_SUBMODULES = {"apis", "util"}
_OF_CURRENT_RUN = {"config", "run", "summary"}


def __getattr__(name: str) -> object:
    if name in _OF_CURRENT_RUN:
        current: object = import_module(_MODULE_LEVEL).of_current_run(name)
        return current
    if name in _SUBMODULES:
        return import_module(f"artfs.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'artfs' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_HOMES, *_SUBMODULES, "run"})
