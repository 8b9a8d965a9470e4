// All artifacts, by type.

import { useMemo } from "preact/hooks";
import { api, usePages } from "../api.js";
import { Aliases, Name, Time } from "../components/labels.jsx";
import { More } from "../components/lists.jsx";
import { Empty, Loading, Problem } from "../components/states.jsx";
import { Table } from "../components/table.jsx";
import { count, milliseconds, size } from "../format.js";
import { choose, href } from "../router.js";
import { visible } from "../text.js";

const COLUMNS = [
  { key: "name", title: "Name", of: (row) => row.name, show: (row) => <a href={href("artifact", [row.name])}><Name text={row.name} /></a> },
  { key: "aliases", title: "Aliases", of: (row) => Object.keys(row.aliases).join(" "), show: (row) => <AliasLinks artifact={row} /> },
  { key: "versions", title: "Versions", numeric: true, of: (row) => row.versions, show: (row) => count(row.versions) },
  { key: "size", title: "Latest", numeric: true, of: (row) => row.size, show: (row) => size(row.size) },
  { key: "total", title: "All versions", numeric: true, of: (row) => row.total_size, show: (row) => size(row.total_size) },
  { key: "changed", title: "Changed", numeric: true, of: (row) => milliseconds(row.changed ?? row.created), show: (row) => <Time at={row.changed ?? row.created} /> },
];

export function ArtifactsPage({ query }) {
  const { q = "", type = "", sort } = query;
  const list = usePages((cursor) => api("artifacts", [], { q, type, after: cursor, limit: 500 }), "artifacts");
  const groups = useMemo(() => byType(list.rows ?? []), [list.rows]);
  return (
    <div class="page">
      <h1>Artifacts</h1>
      <div class="filters" role="search">
        <input
          type="search"
          placeholder="Filter by name"
          aria-label="Filter by name"
          value={q}
          onInput={(event) => choose({ q: event.target.value }, { replace: true })}
        />
        {type && <button type="button" onClick={() => choose({ type: "" })}>Only {visible(type)} ✕</button>}
      </div>
      {list.error && <Problem error={list.error} again={list.again} />}
      {!list.rows && !list.error && <Loading />}
      {list.rows?.length === 0 && (q || type ? <Empty title="No artifact is called so"><a href="#/">See all</a></Empty> : <Empty title="This store is empty" command="artfs put DIRECTORY -n NAME">The first version of a directory is made by:</Empty>)}
      {groups.map(([name, rows]) => (
        <section key={name}>
          <h2><a href={href("", [], { q, type: name })}>{visible(name)}</a> <small>{count(rows.length)}</small></h2>
          <Table caption={`Artifacts of type ${visible(name)}`} columns={COLUMNS} rows={rows} idOf={(row) => row.name} order={sort} onOrder={(next) => choose({ sort: next }, { replace: true })} />
        </section>
      ))}
      <More list={list} noun="artifacts" />
    </div>
  );
}

function AliasLinks({ artifact }) {
  return Object.keys(artifact.aliases).map((alias) => (
    <a key={alias} href={href("version", [`${artifact.name}:${alias}`])}><Aliases names={[alias]} /></a>
  ));
}

function byType(artifacts) {
  const groups = new Map();
  for (const artifact of artifacts) {
    if (!groups.has(artifact.type)) groups.set(artifact.type, []);
    groups.get(artifact.type).push(artifact);
  }
  return [...groups].sort(([a], [b]) => a.localeCompare(b, "en"));
}
