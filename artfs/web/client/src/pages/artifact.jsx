// An artifact: its versions in order, with what each added to the store.

import { api, usePages } from "../api.js";
import { Command, quoted } from "../components/command.jsx";
import { Aliases, Name, OwnBar, Tags, Time } from "../components/labels.jsx";
import { More } from "../components/lists.jsx";
import { Empty, Loading, Problem } from "../components/states.jsx";
import { Timeline } from "../components/timeline.jsx";
import { Table } from "../components/table.jsx";
import { count, milliseconds, plural, size } from "../format.js";
import { choose, href } from "../router.js";
import { visible } from "../text.js";

export const versionsOf = (name) => (cursor) => api("artifacts", [name], { after: cursor, limit: 100 });

const number = (row) => Number(row.version.slice(1));

const COLUMNS = [
  { key: "version", title: "Version", numeric: true, of: number, show: (row) => (row.deleted ? row.version : <a href={href("version", [row.ref])}>{row.version}</a>) },
  { key: "aliases", title: "Aliases and tags", of: (row) => (row.aliases ?? []).join(" "), show: (row) => (row.deleted ? "deleted" : <><Aliases names={row.aliases} /><Tags names={row.tags} /></>) },
  { key: "description", title: "Description", of: (row) => row.description ?? "", show: (row) => <Name text={row.description ?? ""} /> },
  { key: "entries", title: "Entries", numeric: true, of: (row) => row.entries, show: (row) => (row.deleted ? "" : count(row.entries)) },
  { key: "size", title: "Size", numeric: true, of: (row) => row.size, show: (row) => (row.deleted ? "" : size(row.size)) },
  { key: "own", title: "In the store", numeric: true, of: (row) => row.own ?? null, show: (row) => <OwnBar own={row.own} stored={row.stored} /> },
  { key: "used", title: "Used by", numeric: true, of: (row) => row.used_by ?? 0, show: (row) => (row.used_by ? plural(row.used_by, "run") : "") },
  { key: "created", title: "Made", numeric: true, of: (row) => milliseconds(row.created), show: (row) => <Time at={row.created} /> },
  { key: "compare", title: "Changes", of: () => 0, show: (row) => (row.previous ? <a href={href("compare", [row.previous, row.ref])}>against {row.previous.split(":")[1]}</a> : "") },
];

export function ArtifactPage({ names: [name], query }) {
  const list = usePages(versionsOf(name), "versions");
  if (list.error) return <Problem error={list.error} again={list.again} />;
  if (!list.rows) return <Loading />;
  const { artifact } = list.first;
  const rows = withPrevious(list.rows);
  return (
    <div class="page">
      <h1><Name text={artifact.name} /></h1>
      {artifact.description && <p>{visible(artifact.description)}</p>}
      <p class="muted">
        {visible(artifact.type)} · {plural(artifact.versions, "version")}
        {artifact.deleted ? ` and ${count(artifact.deleted)} deleted` : ""} · {size(artifact.total_size)} in all · made <Time at={artifact.created} />
      </p>
      <div class="commands">
        <Command text={`artfs get ${quoted(`${artifact.name}:latest`)} DIRECTORY`} />
        <Command text={`artfs alias add ${quoted(`${artifact.name}:v${Math.max(0, artifact.versions - 1)}`)} NAME`} />
        <a class="button" href={href("history", [], { ref: artifact.name })}>History</a>
      </div>
      {rows.length === 0 ? (
        <Empty title="It has no versions" command={`artfs put DIRECTORY -n ${quoted(artifact.name)}`} />
      ) : (
        <>
          <Timeline versions={rows} />
          <Table
            caption={`Versions of ${visible(artifact.name)}`}
            columns={COLUMNS}
            rows={rows}
            idOf={(row) => row.ref}
            classOf={(row) => (row.deleted ? "deleted" : "")}
            order={query.sort}
            onOrder={(sort) => choose({ sort }, { replace: true })}
          />
          <More list={list} noun="versions" />
        </>
      )}
    </div>
  );
}

/** Versions, newest first, each with the one before it that is still there. */
export function withPrevious(versions) {
  return versions.map((version, at) => {
    const before = versions.slice(at + 1).find((each) => !each.deleted);
    return { ...version, previous: version.deleted || !before ? null : before.ref };
  });
}
