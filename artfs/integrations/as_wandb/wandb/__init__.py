"""artfs under W&B's name: each attribute is that of `artfs`, but for `init`, which looks at W&B's environment too."""

import artfs
from artfs.integrations.wandb_names import WANDB_VERSION, find_modules_of, init

__version__ = WANDB_VERSION
__all__ = ["__version__", "init"]
__all__ += [name for name in artfs.__all__ if name not in __all__]

find_modules_of(__name__)


def __getattr__(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(f"module 'wandb' has no attribute {name!r}")
    try:
        return getattr(artfs, name)
    except AttributeError as error:
        raise AttributeError(str(error).replace("module 'artfs'", "module 'wandb' of artfs")) from None


def __dir__() -> list[str]:
    return dir(artfs)
