"""Random histories: the catalog does what a plain dictionary does, reopened and rebuilt at any moment."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from artfs.catalog import Catalog, NewVersion, VersionEdit
from artfs.errors import ConflictError, NotFoundError, TypeMismatchError, VersionInUseError
from artfs.names import Alias, ArtifactName, VersionRef
from tests.support.data.catalogs import WHO, CatalogPlace, check, rows_of, tree

NAMES = st.sampled_from(["animals", "beasts", "plants"])
ALIASES = st.sampled_from(["best", "good", "Ünïcode alias"])
TYPES = st.sampled_from([None, None, None, "dataset", "model"])
CONTENTS = st.sampled_from(["cat", "dog"])
INDEXES = st.integers(0, 6)


@dataclass
class ModelVersion:
    contents: str
    description: str = ""
    tags: tuple[str, ...] = ()
    deleted: bool = False
    lost_aliases: list[str] = field(default_factory=list)
    link_to: tuple[ModelArtifact, int] | None = None


@dataclass(eq=False)
class ModelArtifact:
    name: str
    type: str
    versions: dict[int, ModelVersion] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)

    def live(self) -> list[int]:
        return [index for index, version in self.versions.items() if not version.deleted]

    def bearing(self, indexes: list[int]) -> list[str]:
        return [alias for alias, index in self.aliases.items() if index in indexes]

    def delete(self, indexes: list[int]) -> None:
        for index in indexes:
            self.versions[index].deleted = True
            self.versions[index].lost_aliases = self.bearing([index])
        for alias in self.bearing(indexes):
            del self.aliases[alias]


@dataclass
class ModelName:
    """A name: the artifact that has it, the one that had it last, and the next index."""

    owner: ModelArtifact | None = None
    last: ModelArtifact | None = None
    next_index: int = 0


class CatalogMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="artfs-test-"))
        self.names: dict[str, ModelName] = {}

    @initialize()
    def begin(self) -> None:
        self.place = CatalogPlace.make(self.directory / "store")
        self.catalog: Catalog = self.place.open()

    def teardown(self) -> None:
        try:
            assert check(self.catalog) == []
            assert rows_of(self.catalog.environment) == self.place.rebuilt_rows()
            self.catalog.close()
        finally:
            shutil.rmtree(self.directory)

    def name(self, name: str) -> ModelName:
        return self.names.setdefault(name, ModelName())

    def found(self, name: str, index: int) -> ModelVersion | None:
        owner = self.name(name).owner
        version = None if owner is None else owner.versions.get(index)
        return None if version is None or version.deleted else version

    @rule()
    def reopen(self) -> None:
        self.catalog.close()
        self.catalog = self.place.open()

    @rule(name=NAMES, contents=CONTENTS, type_=TYPES, aliases=st.lists(ALIASES, max_size=2), if_changed=st.booleans())
    def log(self, name: str, contents: str, type_: str | None, aliases: list[str], if_changed: bool) -> None:
        model = self.name(name)
        new = NewVersion(name, type_, aliases)
        if model.owner is not None and type_ not in (None, model.owner.type):
            with pytest.raises(TypeMismatchError):
                self.catalog.create_version(new, tree(contents), WHO, if_changed=if_changed)
            return
        logged = self.catalog.create_version(new, tree(contents), WHO, if_changed=if_changed)
        artifact = model.owner or ModelArtifact(name, type_ or "dataset")
        model.owner = model.last = artifact
        newest = max(artifact.live(), default=-1)
        if if_changed and newest >= 0 and artifact.versions[newest].contents == contents:
            assert (logged.version.index, logged.created) == (newest, False)
            index = newest
        else:
            assert (logged.version.index, logged.created) == (model.next_index, True)
            index = model.next_index
            model.next_index += 1
            artifact.versions[index] = ModelVersion(contents)
        artifact.aliases.update(dict.fromkeys(aliases, index))

    @rule(name=NAMES, index=INDEXES, alias=ALIASES)
    def set_alias(self, name: str, index: int, alias: str) -> None:
        ref = VersionRef(ArtifactName(name), index)
        owner = self.name(name).owner
        if owner is None or self.found(name, index) is None:
            with pytest.raises(NotFoundError):
                self.catalog.set_alias(ref, alias, WHO)
            return
        self.catalog.set_alias(ref, alias, WHO)
        owner.aliases[alias] = index

    @rule(name=NAMES, alias=ALIASES)
    def remove_alias(self, name: str, alias: str) -> None:
        owner = self.name(name).owner
        if owner is None or alias not in owner.aliases:
            with pytest.raises(NotFoundError):
                self.catalog.remove_alias(name, alias, WHO)
            return
        self.catalog.remove_alias(name, alias, WHO)
        del owner.aliases[alias]

    @rule(name=NAMES, index=INDEXES, description=st.sampled_from(["", "x", "y"]), tag=st.sampled_from(["a", "b"]))
    def edit(self, name: str, index: int, description: str, tag: str) -> None:
        ref = VersionRef(ArtifactName(name), index)
        version = self.found(name, index)
        if version is None:
            with pytest.raises(NotFoundError):
                self.catalog.edit_version(ref, VersionEdit(description=description), WHO)
            return
        self.catalog.edit_version(ref, lambda old: VersionEdit(description, tags=[*old.tags, tag]), WHO)
        version.description = description
        version.tags = tuple(dict.fromkeys((*version.tags, tag)))

    @rule(name=NAMES, indexes=st.lists(INDEXES, max_size=3, unique=True), delete_aliases=st.booleans())
    def delete_versions(self, name: str, indexes: list[int], delete_aliases: bool) -> None:
        owner = self.name(name).owner
        if owner is None or not set(indexes) <= set(owner.live()):
            with pytest.raises(NotFoundError):
                self.catalog.delete_versions(name, indexes, WHO, delete_aliases=delete_aliases)
        elif owner.bearing(indexes) and not delete_aliases:
            with pytest.raises(VersionInUseError):
                self.catalog.delete_versions(name, indexes, WHO)
        else:
            self.catalog.delete_versions(name, indexes, WHO, delete_aliases=delete_aliases)
            owner.delete(indexes)

    @rule(name=NAMES, delete_aliases=st.booleans())
    def delete_artifact(self, name: str, delete_aliases: bool) -> None:
        model = self.name(name)
        if model.owner is None:
            with pytest.raises(NotFoundError):
                self.catalog.delete_artifact(name, WHO)
        elif model.owner.aliases and not delete_aliases:
            with pytest.raises(VersionInUseError):
                self.catalog.delete_artifact(name, WHO)
        else:
            self.catalog.delete_artifact(name, WHO, delete_aliases=delete_aliases)
            model.owner.delete(model.owner.live())
            model.owner = None

    @rule(name=NAMES, index=INDEXES)
    def undelete(self, name: str, index: int) -> None:
        model = self.name(name)
        owner = model.last
        version = None if owner is None or owner.name != name else owner.versions.get(index)
        if version is None:
            with pytest.raises(NotFoundError):
                self.catalog.undelete_version(name, index, WHO)
        elif not version.deleted:
            with pytest.raises(ConflictError):
                self.catalog.undelete_version(name, index, WHO)
        else:
            self.catalog.undelete_version(name, index, WHO)
            version.deleted = False
            model.owner = owner
            assert owner is not None
            owner.aliases = dict.fromkeys(version.lost_aliases, index) | owner.aliases

    @rule(name=NAMES, new=NAMES)
    def rename(self, name: str, new: str) -> None:
        old, target = self.name(name), self.name(new)
        if old.owner is None:
            with pytest.raises(NotFoundError):
                self.catalog.rename(name, new, WHO)
        elif target.owner is not None or (target.last is not None and target.last is not old.owner):
            with pytest.raises(ConflictError):
                self.catalog.rename(name, new, WHO)
        else:
            self.catalog.rename(name, new, WHO)
            target.owner = target.last = old.owner
            target.next_index = max(target.next_index, old.next_index)
            old.owner.name = new
            old.owner = None

    @rule(name=NAMES, index=INDEXES, new=NAMES)
    def link(self, name: str, index: int, new: str) -> None:
        version, source, target = self.found(name, index), self.name(name).owner, self.name(new)
        ref = VersionRef(ArtifactName(name), index)
        if version is None or source is None:
            with pytest.raises(NotFoundError):
                self.catalog.link(ref, new, WHO)
            return
        home, at = version.link_to or (source, index)
        original = home.versions[at]
        live = [] if target.owner is None else [(n, target.owner.versions[n]) for n in target.owner.live()]
        there = [number for number, one in live if one.link_to == (home, at)]
        if new in {name, home.name}:
            with pytest.raises(ValueError, match="alias instead"):
                self.catalog.link(ref, new, WHO)
        elif there:
            again = self.catalog.link(ref, new, WHO)
            assert (again.version.index, again.created) == (max(there), False)
        elif target.owner is not None and target.owner.type != source.type:
            with pytest.raises(TypeMismatchError):
                self.catalog.link(ref, new, WHO)
        else:
            linked = self.catalog.link(ref, new, WHO).version
            assert (linked.index, linked.source) == (target.next_index, f"{home.name}:v{at}")
            target.owner = target.last = target.owner or ModelArtifact(new, source.type)
            copy = ModelVersion(original.contents, original.description, original.tags, link_to=(home, at))
            target.owner.versions[linked.index] = copy
            target.next_index += 1

    @invariant()
    def the_catalog_tells_what_the_model_tells(self) -> None:
        with self.catalog.view() as view:
            borne = {name: model.owner for name, model in self.names.items() if model.owner is not None}
            artifacts = list(view.artifacts())
            assert [artifact.name for artifact in artifacts] == sorted(borne)
            assert [member.serial for member in view.children(0)] == sorted(a.serial for a in artifacts)
            for artifact in artifacts:
                model = borne[artifact.name]
                assert artifact.type == model.type
                versions = {
                    version.index: (version.tree, version.description, version.tags)
                    for version in view.versions(artifact.serial)
                }
                assert versions == {
                    index: (tree(model.versions[index].contents), model.versions[index].description, tags)
                    for index in model.live()
                    for tags in [model.versions[index].tags]
                }
                latest = {"latest": max(model.live())} if model.live() else {}
                aliases = {row.name: row.index for row in view.aliases(artifact.serial)}
                assert aliases == model.aliases | latest
                for alias, index in aliases.items():
                    assert view.resolve(VersionRef(ArtifactName(artifact.name), Alias(alias))).index == index
                members = list(view.children(artifact.serial))
                assert len(members) == len(versions) + len(aliases)
                assert [view.by_serial(member.serial) for member in members] == members


TestCatalogMachine = CatalogMachine.TestCase
TestCatalogMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
