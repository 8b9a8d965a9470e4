"""The public class `Run`: what it uses and logs, its models and its code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from artfs.api import tracking
from artfs.api.artifact import distributed
from artfs.api.artifact.artifact import Artifact, artifacts_of, link
from artfs.api.artifact.publish import log, log_again
from artfs.api.run.notices import RunNotices
from artfs.api.run.saved_files import FileFilter, SavedFiles, code_files, is_python
from artfs.catalog import EdgeKind, Version
from artfs.errors import InvalidInputError, TypeMismatchError
from artfs.lineage import current_view
from artfs.names import DEFAULT_TYPE, parse_ref, parse_wanted_name

__all__ = ["Run", "check_type"]


class Run(SavedFiles, RunNotices):
    """A run. `artfs.init` starts one, `Api().run` finds one.

    As a context manager it is finished at the end of the block, and marked as failed if that ends in an exception.

    Args:
        store: The store that has it.
        row: Its row in the catalog.
    """

    def use_artifact(
        self,
        artifact_or_name: Artifact | str,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Use a version as an input.

        Args:
            artifact_or_name: `[[ENTITY/]PROJECT/]NAME`, alone or with `:vN` or `:ALIAS`; or an artifact. One that is
                not logged is logged, unless the latest version has its contents: then it is that one, which gets the
                aliases. Or a URI (`s3://bucket/prefix`): an artifact of references to what it leads to, named after it,
                of which a version is made if something changed.
            type: The type that it must have; None: any.
            aliases: To be given to an artifact that is logged by this.
            use_as: Without effect here; for scripts that were written for W&B.

        Returns:
            The version, as an artifact.

        Raises:
            NotFoundError: There is none.
            TypeMismatchError: It is of another type.
            InvalidInputError: The reference is malformed, or the artifact is logged in another store.
        """
        del use_as
        store, project = self._store, self._project_of_names()
        if isinstance(artifact_or_name, str) and "://" in artifact_or_name:
            scheme, _colon, rest = artifact_or_name.partition("://")
            name = _name_from(f"{scheme}-{rest.strip('/').replace('/', '-')}")
            artifact_or_name = self._artifact(artifact_or_name, name, type)
            log(store, artifact_or_name, project=project or "", aliases=aliases, if_changed=True)
        if isinstance(artifact_or_name, Artifact):
            check_type(artifact_or_name.base_name, artifact_or_name.type, type)
            if artifact_or_name.is_draft():
                log(store, artifact_or_name, project=project or "", aliases=aliases, if_changed=True)
            if artifact_or_name.store.path != store.path:
                raise InvalidInputError(
                    f"{artifact_or_name.name} is in another store than the run: log it in {store.path}"
                )
            ref = artifact_or_name.version_ref
        else:
            ref = parse_ref(artifact_or_name, project)
            with store.catalog.view() as view:
                artifact = view.artifact(view.resolve(ref).artifact)
            if artifact is not None:
                check_type(artifact.name, artifact.type, type)
        version = store.catalog.use_version(self.id, tracking.pinned(store, self.id, ref), self._actor())
        return artifact_or_name if isinstance(artifact_or_name, Artifact) else Artifact.of_version(store, version)

    def log_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
        *,
        if_changed: bool = False,
        follow_links: bool = False,
    ) -> Artifact:
        """Log an artifact as an output: it becomes its next version, and `latest` moves to it.

        One that is logged already stays the version that it is, and `latest` stays too: this run has logged it then,
        besides the run that did first. It gets the aliases and tags, and what was edited of it is saved.

        Args:
            artifact_or_path: An artifact; or a file, a directory or a URI, to make one from.
            name: What the artifact of a path is called; None: `run-<id>-<basename>`.
            type: Its type; None: as an artifact of that name has it, else `dataset`.
            aliases: Names for this version besides `latest`.
            tags: Labels of the version, besides those that the artifact has.
            if_changed: Give the latest version back when its contents are the same, instead of making another. This run
                has then logged it too; the aliases move to it, and what else is said of it stays.
            follow_links: Of a directory: in place of symlinks that lead out of it log what they lead to.

        Returns:
            The artifact, which is logged now.

        Raises:
            InvalidInputError: A name, alias or tag is not allowed; or the artifact is logged in another store.
            NotFoundError: It is logged, and its version was deleted.
            SourceError: A file cannot be read, or changed while it was.
            TypeMismatchError: The artifact has another type.
            StorageError: The store cannot be written; nothing was logged.
        """
        artifact = self._artifact(artifact_or_path, name, type, follow_links=follow_links)
        self._update_first()
        if artifact.is_draft():
            log(self._store, artifact, run=self.id, aliases=aliases, tags=tags, if_changed=if_changed)
        else:
            log_again(self._store, artifact, run=self.id, aliases=aliases, tags=tags)
        return artifact

    def upsert_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
        *,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Add to a version that several processes make together; `finish_artifact` logs it.

        Args:
            artifact_or_path: An unlogged artifact, or a path, as for `log_artifact`. Give the paths of each process
                their own place.
            name: What the artifact of a path is called; the same in all processes.
            type: Its type.
            aliases: For the version.
            tags: For the version.
            distributed_id: The name by which the processes find together; None: the run's group.

        Returns:
            The artifact, to which nothing more can be added.

        Raises:
            TypeError: No `distributed_id` is given, and the run has no group.
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: A name, alias or tag is not allowed.
        """
        distributed_id = self._distributed_id(distributed_id, "upsert_artifact")
        artifact = self._artifact(artifact_or_path, name, type)
        distributed.add_part(self._store, artifact, distributed_id, run=self.id, aliases=aliases, tags=tags)
        return artifact

    def finish_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
        *,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Log the version that several processes made together. Call it once, when all have added.

        Args:
            artifact_or_path: An unlogged artifact with what this process adds, perhaps nothing; or a path, as for
                `log_artifact`.
            name: What the artifact of a path is called.
            type: Its type.
            aliases: Names for the version besides those that were given when it was added to.
            tags: Likewise.
            distributed_id: The name by which the processes find together; None: the run's group.

        Returns:
            The artifact, which is logged now.

        Raises:
            TypeError: No `distributed_id` is given, and the run has no group.
            ConflictError: Two processes added different files at one path; or one adds, or finishes, just now; or there
                is nothing to log, as when it is finished already.
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: A name, alias or tag is not allowed.
        """
        distributed_id = self._distributed_id(distributed_id, "finish_artifact")
        artifact = self._artifact(artifact_or_path, name, type)
        self._update_first()
        distributed.finish(self._store, artifact, distributed_id, run=self.id, aliases=aliases, tags=tags)
        return artifact

    def log_model(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        aliases: Sequence[str] | str | None = None,
    ) -> Artifact:
        """Log a file or directory as an artifact of type `model`.

        Args:
            path: The file or directory.
            name: What it is called; None: `run-<id>-<basename>`.
            aliases: Names for this version besides `latest`.

        Returns:
            The artifact, which is logged now.

        Raises:
            InvalidInputError: A name or alias is not allowed.
            SourceError: A file cannot be read.
        """
        return self.log_artifact(path, name, "model", aliases)

    def use_model(self, name: str) -> str:
        """Use a version of a model as an input, and write it out as `Artifact.download` does.

        Args:
            name: As for `use_artifact`.

        Returns:
            The path of its file if it has only one, else of the directory.

        Raises:
            NotFoundError: There is none.
            TypeMismatchError: It is of a type without `model` in its name.
        """
        model = self.use_artifact(name)
        if "model" not in model.type.lower():
            raise TypeMismatchError(f"artifact {model.name} has type {model.type}: use_model() is for models")
        root = Path(model.download())
        entries = list(model.manifest.entries)
        return os.fspath(root / entries[0] if len(entries) == 1 else root)

    def link_artifact(
        self,
        artifact: Artifact,
        target_path: str,
        aliases: Sequence[str] | str | None = None,
    ) -> Artifact:
        """Put a version under another name, too. It has one lineage: what uses the link uses the version.

        Args:
            artifact: The version; one that is not logged is, by this run.
            target_path: The other name; in the project of the run, unless it says another.
            aliases: Of the link, besides `latest`.

        Returns:
            The link; the one that is there already if there is one.

        Raises:
            InvalidInputError: A name or alias is not allowed, or the artifact is logged in another store.
            NotFoundError: The version was deleted meanwhile.
            TypeMismatchError: An artifact of another type has the name.
        """
        if artifact.is_draft():
            self.log_artifact(artifact)
        if artifact.store.path != self._store.path:
            raise InvalidInputError(f"{artifact.name} is in another store than the run: log it in {self._store.path}")
        return link(artifact, target_path, aliases, self.id)

    def link_model(
        self,
        path: str | os.PathLike[str],
        registered_model_name: str,
        name: str | None = None,
        aliases: Sequence[str] | str | None = None,
    ) -> Artifact:
        """Log a file or directory as a model, and put it under another name.

        Args:
            path: The file or directory.
            registered_model_name: The other name.
            name: What it is called; None: `run-<id>-<basename>`. Unchanged contents stay the version that they are.
            aliases: Of the link, besides `latest`.

        Returns:
            The link.

        Raises:
            InvalidInputError: A name or alias is not allowed.
            SourceError: A file cannot be read.
            TypeMismatchError: An artifact of another type has the name.
        """
        model = self._artifact(path, name, "model")
        self._update_first()
        log(self._store, model, run=self.id, if_changed=True)
        return link(model, registered_model_name, aliases, self.id)

    def log_code(
        self,
        root: str | os.PathLike[str] | None = ".",
        name: str | None = None,
        include_fn: FileFilter = is_python,
        exclude_fn: FileFilter | None = None,
    ) -> Artifact | None:
        """Log the code of a directory as an artifact of type `code`; unchanged code stays the version that it is.

        Args:
            root: The directory.
            name: What it is called; None: `source-<project>-<directory>`.
            include_fn: Says of a path, or of a path and the root, whether the file is code.
            exclude_fn: Says likewise what is left out.

        Returns:
            The artifact, which is logged now; None if there are no such files.

        Raises:
            InvalidInputError: The name is not allowed.
            SourceError: A file cannot be read.
        """
        top = Path(os.path.abspath(root or "."))
        files = code_files(top, include_fn, exclude_fn)
        default = _name_from("-".join(part for part in ("source", self.project, top.name) if part))
        return self._log_files(name or default, "code", files) if files else None

    def logged_artifacts(self, per_page: int = 100) -> list[Artifact]:
        """The versions that it logged or added a part to, in the order of time; deleted ones left out.

        Args:
            per_page: Without effect: all are in the list.
        """
        del per_page
        return artifacts_of(self._store, self._versions(EdgeKind.LOGGED))

    def used_artifacts(self, per_page: int = 100) -> list[Artifact]:
        """The versions that it used, in the order of time; deleted ones left out.

        Args:
            per_page: Without effect: all are in the list.
        """
        del per_page
        return artifacts_of(self._store, self._versions(EdgeKind.USED))

    def _log_files(self, name: str, type_: str, files: Mapping[str, str]) -> Artifact:
        artifact = Artifact(name, type_, store=self._store)
        for inside, path in files.items():
            artifact.add_file(path, inside)
        return self.log_artifact(artifact, if_changed=True)

    def _distributed_id(self, given: str | None, method: str) -> str:
        found = given or self.group
        if found is None:
            raise TypeError(f"{method}() needs a distributed_id, by which the processes find together")
        return found

    def _versions(self, kind: EdgeKind) -> list[Version]:
        with current_view(self._store) as view:
            versions = [view.version(edge.artifact, edge.index) for edge in view.edges_of_run(self.id, kind)]
        return [version for version in versions if version is not None]

    def _artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None,
        type_: str | None,
        *,
        follow_links: bool = False,
    ) -> Artifact:
        """Return an artifact as it is; of a path, make one."""
        if isinstance(artifact_or_path, Artifact):
            return artifact_or_path
        path = os.fspath(artifact_or_path)
        if name is None:
            name = self._name_of_path(path)
        full_name = parse_wanted_name(name, self._project_of_names())
        with self._store.catalog.view() as view:
            existing = view.artifact_by_name(full_name)
        artifact = Artifact(name, type_ or (DEFAULT_TYPE if existing is None else existing.type), store=self._store)
        if "://" in path:
            artifact.add_reference(path)
        elif os.path.isdir(path):
            artifact.add_dir(path, follow_links=follow_links)
        else:
            artifact.add_file(path)
        return artifact

    def _name_of_path(self, path: str | os.PathLike[str]) -> str:
        """Return what the artifact of a path is called where no name is given."""
        text = os.fspath(path)
        base = os.path.basename(text.rstrip("/")) or os.path.basename(os.path.abspath(text))
        return _name_from(f"run-{self.id}-{base}")


def _name_from(text: str) -> str:
    """Return a name for an artifact that is like a text."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:128]


def check_type(name: str, found: str, wanted: str | None) -> None:
    """Refuse an artifact of another type than the one that is wanted, if one is.

    Raises:
        TypeMismatchError: It is.
    """
    if wanted not in {None, found}:
        raise TypeMismatchError(f"artifact {name} has type {found}, not {wanted}: ask for that one")
