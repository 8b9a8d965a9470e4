// The store: where its space goes, what gc would free, who has it mounted, and whether it is well.

import { api, useDocument } from "../api.js";
import { Command } from "../components/command.jsx";
import { Name } from "../components/labels.jsx";
import { Facts } from "../components/lists.jsx";
import { Await } from "../components/states.jsx";
import { Table } from "../components/table.jsx";
import { count, plural, size } from "../format.js";
import { href } from "../router.js";
import { textOf, visible } from "../text.js";

export function StorePage() {
  const answer = useDocument(api("store"));
  const usage = useDocument(api("usage"));
  return (
    <div class="page">
      <h1>Store</h1>
      <Await answer={answer}>{(store) => <Store store={store} />}</Await>
      <h2>Space of each artifact</h2>
      <Await answer={usage}>{(document) => <Usage artifacts={document.artifacts} />}</Await>
    </div>
  );
}

function Store({ store }) {
  const { reclaimable, mounts = [], drafts = [], doctor } = store;
  return (
    <>
      <div class="halves">
        <section>
          <h2>Contents</h2>
          <Facts
            pairs={[
              ["path", <code>{visible(textOf(store, "store"))}</code>],
              ["artifacts", count(store.artifacts)],
              ["versions", `${count(store.versions)}, ${size(store.size)} as they are read`],
              ["packs", `${size(store.pack_bytes)} in ${plural(store.packs, "pack")}`],
              ["index", size(store.index_bytes)],
              ["disk", store.free_bytes !== undefined && `${size(store.free_bytes)} free`],
              ["changes", count(store.changes)],
              ["id", <code>{store.id}</code>],
            ]}
          />
        </section>
        <section>
          <h2>To gain</h2>
          <p>{reclaimable === null || reclaimable === undefined ? "It is not known what gc would free." : <>gc would free <strong>{size(reclaimable)}</strong>.</>}</p>
          <Command text="artfs gc --dry-run" />
          <h2>Mounts</h2>
          {mounts.length ? (
            <ul class="uses">{mounts.map((mount) => <li key={mount.pid}><code>{visible(textOf(mount, "path"))}</code> <small>{mount.staging ? "versions and drafts" : "versions"}, process {mount.pid}</small></li>)}</ul>
          ) : (
            <p class="muted">It is not mounted. <Command text="artfs mount DIRECTORY" /></p>
          )}
          <h2>Drafts <small>{count(drafts.length)}</small></h2>
          {drafts.length ? (
            <ul class="uses">{drafts.map((draft) => <li key={draft.draft}><Name text={draft.draft} /> <small>{[draft.artifact, draft.base].filter(Boolean).map(visible).join(" · ")}{draft.error && visible(draft.error)}</small></li>)}</ul>
          ) : (
            <p class="muted">No drafts are open.</p>
          )}
        </section>
      </div>
      {doctor && <Doctor doctor={doctor} />}
    </>
  );
}

const MARKS = { ok: "✓", warning: "!", problem: "✗" };

const Doctor = ({ doctor }) => (
  <details class="doctor" open={doctor.checks.some((check) => check.state !== "ok")}>
    <summary>{doctor.well ? "It is well" : "It needs attention"} <small>{plural(doctor.checks.length, "check")}</small></summary>
    <ul class="checks">
      {doctor.checks.map((check) => (
        <li key={check.what} class={check.state}>
          <span class="sign" aria-hidden="true">{MARKS[check.state]}</span>
          <span><strong>{visible(check.what)}</strong> <small>{check.state}</small> {visible(check.found)}{check.advice && <div class="muted">{visible(check.advice)}</div>}</span>
        </li>
      ))}
    </ul>
  </details>
);

function Usage({ artifacts }) {
  const largest = Math.max(1, ...artifacts.map((artifact) => artifact.stored ?? 0));
  const columns = [
    { key: "name", title: "Artifact", of: (row) => row.name, show: (row) => <a href={href("artifact", [row.name])}><Name text={row.name} /></a> },
    { key: "versions", title: "Versions", numeric: true, of: (row) => row.versions, show: (row) => count(row.versions) },
    { key: "size", title: "As read", numeric: true, of: (row) => row.size, show: (row) => size(row.size) },
    { key: "stored", title: "Stored", numeric: true, of: (row) => row.stored, show: (row) => size(row.stored) },
    { key: "own", title: "Its own", numeric: true, of: (row) => row.own, show: (row) => size(row.own) },
    { key: "share", title: "Share", of: (row) => row.own, show: (row) => <span class="bar" aria-hidden="true"><span style={{ width: `${(100 * row.own) / largest}%` }} /></span> },
  ];
  return <Table caption="Space of each artifact" columns={columns} rows={artifacts} idOf={(row) => row.name} />;
}
