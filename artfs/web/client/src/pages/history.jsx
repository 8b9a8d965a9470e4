// The journal: every change of the catalog, who made it, and the values before and after.

import { useState } from "preact/hooks";
import { api, get, usePages } from "../api.js";
import { Command, quoted } from "../components/command.jsx";
import { Time } from "../components/labels.jsx";
import { More } from "../components/lists.jsx";
import { Empty, Loading, Problem } from "../components/states.jsx";
import { clock, count, flat, size, value } from "../format.js";
import { choose, href } from "../router.js";
import { visible } from "../text.js";

export function HistoryPage({ query }) {
  const { ref = "" } = query;
  const list = usePages((cursor) => api("history", [], { ref, before: cursor, limit: 100 }), "records");
  return (
    <div class="page">
      <h1>History{ref && <> of {visible(ref)}</>}</h1>
      <div class="filters" role="search">
        <form onSubmit={(event) => { event.preventDefault(); choose({ ref: event.target.elements.ref.value.trim() }); }}>
          <input key={ref} type="search" name="ref" defaultValue={ref} placeholder="NAME or NAME:vN" aria-label="Artifact or version" /> <button>Show</button>
        </form>
        <Verify />
      </div>
      {list.error && <Problem error={list.error} again={list.again} />}
      {!list.rows && !list.error && <Loading />}
      {list.rows?.length === 0 && <Empty title="Nothing has happened yet" command="artfs put DIRECTORY -n NAME" />}
      <ol class="records">
        {list.rows?.map((record) => <Record key={record.seq} record={record} />)}
      </ol>
      <More list={list} noun="records" />
      <div class="commands"><Command text={`artfs history${ref ? ` ${quoted(ref)}` : ""}`} /></div>
    </div>
  );
}

function Record({ record }) {
  return (
    <li>
      <p>
        <span class="muted">#{count(record.seq)}</span> <time dateTime={record.time} title={clock(record.time)}><Time at={record.time} /></time>{" "}
        {visible(record.user)}@{visible(record.host)}
        {record.run && <> in run <a href={href("run", [record.run])}>{visible(record.run)}</a></>}
      </p>
      {record.changes.map((change, at) => (
        <div class="change" key={at}>
          <strong>{visible(change.change.replaceAll("-", " "))}</strong> {visible(change.what)}
          <Difference before={change.before} after={change.after} />
        </div>
      ))}
    </li>
  );
}

// The record has its time; modes and digests say little to people, and `artfs history --json` has them.
const LEFT_OUT = /(^|\.)(created|added|ended|started|logged|used|mtime|time|mode|digest)$/;
const isEmpty = (any) => any === undefined || any === null || any === "" || (typeof any === "object" && !Object.keys(any).length);

/** The values that a change set, or those before and after it. */
function Difference({ before, after }) {
  const [old, now] = [new Map(flat(before)), new Map(flat(after))];
  const keys = [...new Set([...old.keys(), ...now.keys()])].filter((key) => !LEFT_OUT.test(key) && !(isEmpty(old.get(key)) && isEmpty(now.get(key))));
  if (!keys.length) return null;
  return (
    <ul class="values">
      {keys.map((key) => (
        <li key={key}>
          <span class="muted">{visible(key.replace(/^(fields|tree)\./, ""))}</span>{" "}
          {before !== null && <><span class="removed">{shown(key, old.get(key))}</span> → </>}
          {shown(key, now.get(key))}
        </li>
      ))}
    </ul>
  );
}

const shown = (key, any) => (isEmpty(any) ? "nothing" : /(^|\.)size$/.test(key) ? size(any) : value(any));

/** A button that has the server compare each record with the hash of the one before it. */
function Verify() {
  const [result, setResult] = useState(null);
  const verify = async () => {
    setResult({ busy: true });
    setResult(await get("api/history/verify").then((done) => ({ done }), (error) => ({ error })));
  };
  return (
    <>
      <button type="button" disabled={result?.busy} onClick={verify}>{result?.busy ? "Verifying…" : "Verify the chain"}</button>
      <span role="status">
        {result?.done && <>✓ {count(result.done.records)} records, each follows from the one before; the last is <code>{result.done.head.slice(0, 16)}</code></>}
        {result?.error && <span class="failed">✗ {visible(result.error.message)}</span>}
      </span>
    </>
  );
}
