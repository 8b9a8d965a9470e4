// A run: what it was started with, what it came to, and what it read and made.

import { useEffect, useState } from "preact/hooks";
import { api, get, useDocument } from "../api.js";
import { Command, quoted } from "../components/command.jsx";
import { Curves } from "../components/curves.jsx";
import { Name, State, Time, VersionLink } from "../components/labels.jsx";
import { Facts, Values } from "../components/lists.jsx";
import { Await, Loading, Problem } from "../components/states.jsx";
import { clock, count, duration, milliseconds, plural } from "../format.js";
import { MiniGraph } from "../lineage/mini-graph.jsx";
import { lineageOf } from "../lineage/navigation.js";
import { choose, useRoute } from "../router.js";
import { textOf, visible } from "../text.js";

export function RunPage({ names: [id] }) {
  return <Await answer={useDocument(api("runs", [id]))}>{(run) => <Run run={run} />}</Await>;
}

function Run({ run }) {
  const inputs = run.edges.filter((edge) => edge.what === "used");
  const outputs = run.edges.filter((edge) => edge.what === "logged");
  const ended = run.ended ? milliseconds(run.ended) : Date.now();
  return (
    <div class="page">
      <h1><Name text={run.name || run.id} /> <State name={run.state} /></h1>
      <p class="muted">
        {run.job_type ? `${visible(run.job_type)} · ` : ""}started <Time at={run.started} /> · {run.ended ? "took" : "for"} {duration(ended - milliseconds(run.started))} · by {visible(run.user)}@{visible(run.host)}
      </p>
      <div class="commands"><Command text={`artfs runs show ${quoted(run.id)}`} /></div>
      <h2>Curves</h2>
      <RunCurves run={run} />
      <h2>Lineage <a class="button" href={lineageOf(run.id)}>Open</a></h2>
      <MiniGraph id={run.id} />
      <div class="halves">
        <section>
          <h2>Read <small>{count(inputs.length)}</small></h2>
          <Edges edges={inputs} empty="It read no artifact." />
        </section>
        <section>
          <h2>Made <small>{count(outputs.length)}</small></h2>
          <Edges edges={outputs} empty="It made no artifact." />
        </section>
        <section>
          <h2>Config</h2>
          <Values of={run.config} />
        </section>
        <section>
          <h2>Summary</h2>
          <Values of={run.summary} />
        </section>
        <section>
          <h2>Started as</h2>
          <Facts
            pairs={[
              ["command", run.command.length > 0 && <code>{run.command.map((word) => quoted(visible(word))).join(" ")}</code>],
              ["directory", run.directory && <code>{visible(run.directory)}</code>],
              ["commit", run.commit && <><code>{visible(run.commit)}</code>{run.dirty ? " with changes that were not committed" : ""}</>],
              ["exit code", run.exit_code],
              ["started", clock(run.started)],
              ["ended", run.ended && clock(run.ended)],
              ["id", <code>{run.id}</code>],
            ]}
          />
        </section>
      </div>
    </div>
  );
}

const POINTS = 400;

/** The curves of a run, and of others over them. They come again while one of them goes on. */
function RunCurves({ run }) {
  const { with: others = "" } = useRoute().query;
  const ids = [run.id, ...others.split(",").filter((id) => id && id !== run.id)];
  const [shown, setShown] = useState({});
  const names = ids.join(",");
  useEffect(() => {
    let wanted = true;
    const load = () =>
      Promise.all(ids.map((id) => get(api("runs", [id, "history"], { limit: POINTS })))).then(
        (histories) => wanted && setShown({ names, histories }),
        (error) => wanted && setShown({ names, error }),
      );
    load();
    const timer = run.state === "running" ? setInterval(load, 3000) : 0;
    return () => {
      wanted = false;
      clearInterval(timer);
    };
  }, [names, run.state]);
  if (shown.names !== names) return <Loading />;
  if (shown.error) return <Problem error={shown.error} />;
  return (
    <>
      <OtherRuns run={run} ids={ids} />
      <Curves histories={shown.histories} />
    </>
  );
}

/** Choice of a run whose curves are put over those of the page's. */
function OtherRuns({ run, ids }) {
  const list = useDocument(api("runs", [], { limit: 100 }));
  const others = (list.data?.runs ?? []).filter((each) => !ids.includes(each.id));
  const set = (chosen) => choose({ with: chosen.filter((id) => id !== run.id).join(",") }, { replace: true });
  return (
    <p>
      {others.length > 0 && (
        <select aria-label="Put another run over it" value="" onChange={(event) => set([...ids, event.target.value])}>
          <option value="">Compare with…</option>
          {others.map((each) => <option key={each.id} value={each.id}>{visible(each.name || each.id)}</option>)}
        </select>
      )}{" "}
      {ids.length > 1 && <button type="button" onClick={() => set([])}>This run alone</button>}
    </p>
  );
}

/** How an edge was learnt, by its word in the catalog. */
const HOW = { open: "it opened files in a mount", api: "it said so", commit: "it wrote into a draft" };

/** Versions that a run read or made, each with how that was learnt. */
function Edges({ edges, empty }) {
  if (!edges.length) return <p class="muted">{empty}</p>;
  return (
    <ul class="uses">
      {edges.map((edge) => (
        <li key={edge.ref + edge.how}>
          {edge.deleted ? <><Name text={edge.ref} /> <small>deleted</small></> : <VersionLink name={edge.ref} />}{" "}
          <small>{visible(HOW[edge.how] ?? edge.how ?? "")}{edge.entries ? `, ${plural(edge.entries, "entry", "entries")}` : ""}</small>
          {edge.paths?.length > 0 && (
            <details>
              <summary><small>which</small></summary>
              {edge.paths.map((path) => <div key={path.path}><code>{visible(textOf(path, "path"))}</code></div>)}
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}
