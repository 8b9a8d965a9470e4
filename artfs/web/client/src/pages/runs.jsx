// All runs, newest first; columns of config and summary by choice.

import { useMemo } from "preact/hooks";
import { api, usePages } from "../api.js";
import { RunLink, State, Time } from "../components/labels.jsx";
import { More } from "../components/lists.jsx";
import { Empty, Loading, Problem } from "../components/states.jsx";
import { Table } from "../components/table.jsx";
import { duration, flat, milliseconds, value } from "../format.js";
import { choose } from "../router.js";
import { visible } from "../text.js";

const STATES = ["finished", "running", "failed", "crashed"];
const FIRST_COLUMNS = 6;

const BASE = [
  { key: "name", title: "Run", of: (run) => run.name || run.id, show: (run) => <RunLink run={run.id} name={run.name} /> },
  { key: "state", title: "State", of: (run) => run.state, show: (run) => <State name={run.state} /> },
  { key: "job_type", title: "Job", of: (run) => run.job_type ?? "", show: (run) => visible(run.job_type ?? "") },
  { key: "started", title: "Started", numeric: true, of: (run) => milliseconds(run.started), show: (run) => <Time at={run.started} /> },
  { key: "took", title: "Took", numeric: true, of: (run) => took(run), show: (run) => (took(run) === null ? "" : duration(took(run))) },
];

const took = (run) => (run.ended ? milliseconds(run.ended) - milliseconds(run.started) : null);

export function RunsPage({ query }) {
  const { state = "", job = "", q = "" } = query;
  const list = usePages((cursor) => api("runs", [], { state, job, q, sort: query.sort, after: cursor, limit: 200 }), "runs");
  const keys = useMemo(() => keysOf(list.first?.columns, list.rows ?? []), [list.rows]);
  const chosen = query.columns === undefined ? keys.slice(0, FIRST_COLUMNS) : query.columns.split("|").filter(Boolean);
  const columns = useMemo(() => [...BASE, ...chosen.map(valueColumn)], [chosen.join("|")]);
  const jobs = list.first?.jobs ?? [...new Set((list.rows ?? []).map((run) => run.job_type))];
  const filtered = state || job || q;
  return (
    <div class="page wide">
      <h1>Runs</h1>
      <div class="filters" role="search">
        <input type="search" placeholder="Filter by name, lr=0.1, acc>0.9" aria-label="Filter" value={q} onInput={(event) => choose({ q: event.target.value }, { replace: true })} />
        <Choice title="State" all="All states" name="state" chosen={state} options={STATES} />
        <Choice title="Job" all="All jobs" name="job" chosen={job} options={jobs.filter(Boolean)} />
        {keys.length > 0 && <Columns keys={keys} chosen={chosen} />}
      </div>
      {list.error && <Problem error={list.error} again={list.again} />}
      {!list.rows && !list.error && <Loading />}
      {list.rows?.length === 0 &&
        (filtered ? <Empty title="No run is so"><a href="#/runs">See all</a></Empty> : <Empty title="No runs yet" command="artfs run -- python train.py">A run is a program whose reads and writes of artifacts are recorded:</Empty>)}
      {list.rows?.length > 0 && (
        <Table caption="Runs" columns={columns} rows={list.rows} idOf={(run) => run.id} order={query.sort} onOrder={(sort) => choose({ sort }, { replace: true })} />
      )}
      <More list={list} noun="runs" />
    </div>
  );
}

/** The names of the values of config and summary: `config.lr`. The server gives those of all runs, if it knows them. */
function keysOf(known, runs) {
  if (known) return known;
  const keys = new Set();
  for (const run of runs) {
    for (const part of ["summary", "config"]) for (const [name] of flat(run[part])) keys.add(`${part}.${name}`);
  }
  return [...keys].sort((a, b) => b.startsWith("summary") - a.startsWith("summary") || a.localeCompare(b, "en"));
}

function valueColumn(key) {
  const [part, ...rest] = key.split(".");
  const name = rest.join(".");
  const of = (run) => flat(run[part]).find(([each]) => each === name)?.[1];
  return { key, title: <>{visible(name)} <small>{part}</small></>, numeric: true, of, show: (run) => value(of(run)) };
}

const Choice = ({ title, all, name, chosen, options }) => (
  <select aria-label={title} value={chosen} onChange={(event) => choose({ [name]: event.target.value })}>
    <option value="">{all}</option>
    {options.map((option) => <option key={option} value={option}>{visible(option)}</option>)}
  </select>
);

function Columns({ keys, chosen }) {
  const change = (key, on) => {
    const next = on ? [...chosen, key] : chosen.filter((each) => each !== key);
    choose({ columns: next.join("|") || "|" }, { replace: true });
  };
  return (
    <details class="menu">
      <summary>Columns</summary>
      <div>
        {keys.map((key) => (
          <label key={key}>
            <input type="checkbox" checked={chosen.includes(key)} onChange={(event) => change(key, event.target.checked)} /> {visible(key)}
          </label>
        ))}
      </div>
    </details>
  );
}
