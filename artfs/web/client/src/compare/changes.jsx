// The changed entries of one folder. A folder of the list stands for all changes below it.

import { Name } from "../components/labels.jsx";
import { More } from "../components/lists.jsx";
import { Table } from "../components/table.jsx";
import { plural, size } from "../format.js";
import { choose, href, parseRoute } from "../router.js";
import { textOf, visible } from "../text.js";

const SIGNS = { added: "+", removed: "−", modified: "~" };

export function Changes({ list, path, file }) {
  const { names } = parseRoute(location.hash);
  const rows = list.rows.map((change) => ({ ...change, full: textOf(change, "path") }));
  const columns = [
    { key: "change", title: "Change", of: (row) => row.change, show: (row) => <Sign change={row.change} /> },
    { key: "path", title: "Path", of: (row) => row.full, show: (row) => <Path row={row} names={names} path={path} /> },
    { key: "old", title: "Before", numeric: true, of: (row) => row.old?.size, show: (row) => (row.old && !row.folder ? size(row.old.size) : "") },
    { key: "new", title: "After", numeric: true, of: (row) => row.new?.size, show: (row) => (row.new && !row.folder ? size(row.new.size) : "") },
  ];
  return (
    <div>
      <Crumbs path={path} names={names} />
      {rows.length ? (
        <Table caption={`Changes in ${visible(path || "all")}`} columns={columns} rows={rows} idOf={(row) => row.full} selected={file} />
      ) : (
        <p class="muted">Nothing changed here.</p>
      )}
      <More list={list} noun="changes" />
    </div>
  );
}

const Sign = ({ change }) => <span class={change}><span class="sign" aria-hidden="true">{SIGNS[change]}</span>{change}</span>;

function Path({ row, names, path }) {
  const name = <Name text={row.full.slice(path ? path.length + 1 : 0)} />;
  if (row.folder) return <><a href={href("compare", names, { path: row.full })}>{name}/</a> <Counts of={row.counts} /></>;
  return <a href={href("compare", names, { path, file: row.full })}>{name}</a>;
}

const Counts = ({ of }) => (
  <small>
    {[["added", of.added], ["modified", of.modified], ["removed", of.removed]]
      .filter(([, number]) => number)
      .map(([word, number]) => `${number} ${word}`)
      .join(", ")}
  </small>
);

function Crumbs({ path, names }) {
  const parts = path ? path.split("/") : [];
  return (
    <nav class="crumbs" aria-label="Folder">
      <a href={href("compare", names)}>all</a>
      {parts.map((part, at) => <span key={at}> / <a href={href("compare", names, { path: parts.slice(0, at + 1).join("/") })}><Name text={part} /></a></span>)}
    </nav>
  );
}
