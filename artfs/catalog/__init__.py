"""The catalog: artifacts, versions, aliases and runs, and the index of their contents.

LMDB holds the tables (`schema` explains them), the journal beside it holds every change. `Catalog` is the way in,
`View` reads.
"""

from artfs.catalog.actor import Actor, actor_of, current_actor
from artfs.catalog.catalog import Catalog, JournalRecord, LoggedVersion
from artfs.catalog.commands import (
    Arrival,
    Incoming,
    NewPart,
    NewRun,
    NewVersion,
    PartSet,
    Received,
    ReceivedVersion,
    RemovedVersion,
    VersionEdit,
    VersionUse,
    edge_after_use,
    uses_of_sources,
)
from artfs.catalog.content_index import ContentBatch
from artfs.catalog.index import IndexEnvironment
from artfs.catalog.journal import Journal
from artfs.catalog.json_values import Json, Place, attributes_of, float_of, restored, to_json
from artfs.catalog.local_journal import LocalJournal
from artfs.catalog.metadata import (
    MAX_METADATA_KEYS,
    check_key_count,
    check_text,
    decode_metadata,
    encode_metadata,
    encode_value,
    json_object,
    merge_metadata,
)
from artfs.catalog.rebuild import rebuild_catalog
from artfs.catalog.retention import RetentionRules
from artfs.catalog.schema import (
    AliasRow,
    Artifact,
    DistributedPart,
    Edge,
    EdgeKind,
    IndexState,
    PackRow,
    RecordedPack,
    Run,
    Version,
    state_now,
)
from artfs.catalog.view import View
from artfs.format.operations import Tree

__all__ = [
    "MAX_METADATA_KEYS",
    "Actor",
    "AliasRow",
    "Arrival",
    "Artifact",
    "Catalog",
    "ContentBatch",
    "DistributedPart",
    "Edge",
    "EdgeKind",
    "Incoming",
    "IndexEnvironment",
    "IndexState",
    "Journal",
    "JournalRecord",
    "Json",
    "LocalJournal",
    "LoggedVersion",
    "NewPart",
    "NewRun",
    "NewVersion",
    "PackRow",
    "PartSet",
    "Place",
    "Received",
    "ReceivedVersion",
    "RecordedPack",
    "RemovedVersion",
    "RetentionRules",
    "Run",
    "Tree",
    "Version",
    "VersionEdit",
    "VersionUse",
    "View",
    "actor_of",
    "attributes_of",
    "check_key_count",
    "check_text",
    "current_actor",
    "decode_metadata",
    "edge_after_use",
    "encode_metadata",
    "encode_value",
    "float_of",
    "json_object",
    "merge_metadata",
    "rebuild_catalog",
    "restored",
    "state_now",
    "to_json",
    "uses_of_sources",
]
