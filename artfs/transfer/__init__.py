"""Transfer: versions go from one store to another, with all that they need.

`missing_below` says what the other store lacks, in the order in which it can take it. A bundle is the file or stream
that carries it: `export_bundle` writes one, `read_bundle` and `import_bundle` take one. `copy_versions` does
without, for two stores that one process can open.
"""

from artfs.transfer.bundle_file import bundle_file, open_bundle
from artfs.transfer.copy_versions import Wanted, copy_versions
from artfs.transfer.export_bundle import Exported, export_bundle
from artfs.transfer.import_bundle import Bundle, Contents, Imported, import_bundle, read_bundle
from artfs.transfer.missing import Seen, missing_below

__all__ = [
    "Bundle",
    "Contents",
    "Exported",
    "Imported",
    "Seen",
    "Wanted",
    "bundle_file",
    "copy_versions",
    "export_bundle",
    "import_bundle",
    "missing_below",
    "open_bundle",
    "read_bundle",
]
