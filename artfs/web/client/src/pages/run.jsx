// A run: what it was started with, what it came to, and what it read and made.

import { api, useDocument } from "../api.js";
import { Command, quoted } from "../components/command.jsx";
import { Name, State, Time, VersionLink } from "../components/labels.jsx";
import { Facts, Values } from "../components/lists.jsx";
import { Await } from "../components/states.jsx";
import { clock, count, duration, milliseconds, plural } from "../format.js";
import { MiniGraph } from "../lineage/mini-graph.jsx";
import { lineageOf } from "../lineage/navigation.js";
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
          <h2>Curves</h2>
          <p class="muted">A run keeps what its values came to, in the summary. A table in an artifact that it logs can keep those on the way.</p>
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
