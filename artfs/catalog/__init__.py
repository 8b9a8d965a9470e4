"""The catalog: what artifacts, versions and aliases there are, and where their contents lie.

LMDB holds the tables (`schema` explains them), the journal beside it holds every change. `Catalog` is the way in,
`View` reads.
"""

from artfs.catalog.actor import Actor, actor_of, current_actor
from artfs.catalog.alive import current_process, has_died, process_of, state_now
from artfs.catalog.catalog import Catalog, Logged, Record
from artfs.catalog.collecting import Collected
from artfs.catalog.content import Batch
from artfs.catalog.deaths import check_deaths, deaths_size, forget_deaths, note_deaths, told_deaths
from artfs.catalog.environment import Environment
from artfs.catalog.journal import Journal
from artfs.catalog.metadata import decode_metadata, encode_metadata
from artfs.catalog.parts import NewPart, Together
from artfs.catalog.plans import NewRun, NewVersion, Use, VersionEdit
from artfs.catalog.rebuild import rebuild_catalog
from artfs.catalog.schema import AliasRow, Artifact, Edge, EdgeKind, PackRow, Part, Run, State, Version
from artfs.catalog.view import View
from artfs.format.operations import Tree

__all__ = [
    "Actor",
    "AliasRow",
    "Artifact",
    "Batch",
    "Catalog",
    "Collected",
    "Edge",
    "EdgeKind",
    "Environment",
    "Journal",
    "Logged",
    "NewPart",
    "NewRun",
    "NewVersion",
    "PackRow",
    "Part",
    "Record",
    "Run",
    "State",
    "Together",
    "Tree",
    "Use",
    "Version",
    "VersionEdit",
    "View",
    "actor_of",
    "check_deaths",
    "current_actor",
    "current_process",
    "deaths_size",
    "decode_metadata",
    "encode_metadata",
    "forget_deaths",
    "has_died",
    "note_deaths",
    "process_of",
    "rebuild_catalog",
    "state_now",
    "told_deaths",
]
