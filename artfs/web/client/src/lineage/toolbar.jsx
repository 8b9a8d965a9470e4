// What stands above the graph: search, views, depth, filters, zoom, and the graph as a file.

import { useMemo, useState } from "preact/hooks";
import { api, getText } from "../api.js";
import { Command, quoted } from "../components/command.jsx";
import { choose } from "../router.js";
import { visible } from "../text.js";
import { save, toPng, toSvg } from "./export.js";
import { SearchBox } from "./search-box.jsx";

export function Toolbar({ nodes, focus, view, up, down, query, canvas, opened, onFold }) {
  const types = useMemo(() => distinct(nodes, "version", "type"), [nodes]);
  const jobs = useMemo(() => distinct(nodes, "run", "job"), [nodes]);
  return (
    <div class="toolbar" role="toolbar" aria-label="Lineage">
      <SearchBox nodes={nodes} />
      <div class="segments" role="group" aria-label="View">
        <Segment name="pipeline" view={view}>Pipeline</Segment>
        <Segment name="around" view={view}>{focus >= 0 ? <>Around {visible(nodes[focus].label)}</> : "Folded"}</Segment>
        <Segment name="everything" view={view}>Everything</Segment>
      </div>
      {view === "around" && focus >= 0 && (
        <>
          <Depth name="up" at={up} title="Runs upstream" />
          <Depth name="down" at={down} title="Runs downstream" />
        </>
      )}
      <Filter name="type" title="Type" all="All types" options={types} chosen={query.type} />
      <Filter name="job" title="Job" all="All jobs" options={jobs} chosen={query.job} />
      {opened.size > 0 && <button type="button" onClick={onFold}>Fold stacks</button>}
      <span class="grow" />
      <div class="segments" role="group" aria-label="Zoom">
        <button type="button" aria-label="Zoom in" onClick={() => canvas.current.zoom(1.3)}>+</button>
        <button type="button" aria-label="Zoom out" onClick={() => canvas.current.zoom(1 / 1.3)}>−</button>
        <button type="button" onClick={() => canvas.current.fit()}>Fit</button>
      </div>
      <Exports canvas={canvas} node={focus >= 0 ? nodes[focus] : null} up={up} down={down} />
    </div>
  );
}

const distinct = (nodes, kind, key) =>
  [...new Set(nodes.filter((node) => node.kind === kind).map((node) => node[key]))].filter(Boolean).sort();

const Segment = ({ name, view, children }) => (
  <button type="button" aria-pressed={view === name} onClick={() => choose({ view: name })}>{children}</button>
);

const Depth = ({ name, at, title }) => (
  <span class="depth" role="group" aria-label={title}>
    {name}
    <button type="button" aria-label={`Fewer ${title.toLowerCase()}`} disabled={at === 0} onClick={() => choose({ [name]: at - 1 })}>−</button>
    <output>{at}</output>
    <button type="button" aria-label={`More ${title.toLowerCase()}`} onClick={() => choose({ [name]: at + 1 })}>+</button>
  </span>
);

function Filter({ name, title, all, options, chosen = "" }) {
  if (options.length < 2 && !chosen) return null;
  return (
    <select aria-label={title} value={chosen} onChange={(event) => choose({ [name]: event.target.value })}>
      <option value="">{all}</option>
      {options.map((option) => <option key={option} value={option}>{visible(option)}</option>)}
    </select>
  );
}

const TEXTS = { tree: "txt", dot: "dot", mermaid: "mmd", openlineage: "jsonl", json: "json" };

/** The picture as a file, and what `artfs lineage` prints of what is in focus. */
function Exports({ canvas, node, up, down }) {
  const [failed, setFailed] = useState("");
  const file = `lineage-${node ? node.id.replace(/[^\w.-]+/g, "-") : "all"}`;
  const parts = () => [canvas.current.scene, canvas.current.view.placed, canvas.current.theme];
  const svg = () => save(`${file}.svg`, new Blob([toSvg(...parts())], { type: "image/svg+xml" }));
  const png = async () => save(`${file}.png`, await toPng(...parts()));
  const text = (format) =>
    getText(api("lineage", [node.id], { format, depth: Math.max(up, down) })).then(
      (lines) => save(`${file}.${TEXTS[format]}`, new Blob([lines], { type: "text/plain" })),
      (error) => setFailed(error.message),
    );
  return (
    <details class="menu">
      <summary>Export</summary>
      <div class="choices">
        <button type="button" onClick={svg}>SVG</button>
        <button type="button" onClick={png}>PNG</button>
        {node?.kind === "version" && Object.keys(TEXTS).map((format) => <button key={format} type="button" onClick={() => text(format)}>{format}</button>)}
        {failed && <p class="failed" role="alert">{visible(failed)}</p>}
        {node?.kind === "version" && <Command text={`artfs lineage ${quoted(node.id)} --depth ${Math.max(up, down)}`} />}
      </div>
    </details>
  );
}
