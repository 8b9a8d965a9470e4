// What is selected in the graph, and its neighbours: a list with arrow keys that says the same as the picture.

import { useDocument, api } from "../api.js";
import { Aliases, Name, State, Tags, Time } from "../components/labels.jsx";
import { Facts, Values } from "../components/lists.jsx";
import { count, plural, size } from "../format.js";
import { visible } from "../text.js";
import { isFailed } from "./fold.js";
import { centre, pageOf } from "./navigation.js";

const MOST_MEMBERS = 100;

export function SidePanel({ nodes, scene, item, onSelect, onOpen, onClose }) {
  if (!item) {
    return (
      <aside class="side" aria-label="Selection">
        <p class="muted">Nothing is selected. Click on a card, or go to the graph with Tab and press an arrow key.</p>
        <Neighbours title="Where it begins" items={starts(scene)} scene={scene} onSelect={onSelect} />
      </aside>
    );
  }
  const index = scene.items.indexOf(item);
  return (
    <aside class="side" aria-label="Selection" aria-live="polite">
      <header>
        <small>{item.kind === "run" ? "run" : visible(item.type)}{item.stacked && ` · ${item.detail}`}</small>
        <button type="button" class="plain" aria-label="Close" onClick={onClose}>✕</button>
        <h2><Name text={item.label} /></h2>
      </header>
      <p class="actions">
        {item.stacked && <button type="button" onClick={() => onOpen(index)}>{item.members.length > 1 ? "Open" : "Around it"}</button>}
        {!item.stacked && !item.focused && <button type="button" onClick={() => centre(item.node)}>Centre here</button>}
        {!item.stacked && <a class="button" href={pageOf(item.node)}>{item.kind === "run" ? "Run's page" : "Version's page"}</a>}
      </p>
      {item.stacked ? <Members nodes={nodes} item={item} /> : item.kind === "run" ? <RunFacts id={item.node.id} /> : <VersionFacts node={item.node} />}
      <Neighbours title={item.kind === "run" ? "Used" : "Made by"} items={scene.inputs[index].map((each) => each.node)} scene={scene} onSelect={onSelect} />
      <Neighbours title={item.kind === "run" ? "Made" : "Used by"} items={scene.outputs[index].map((each) => each.node)} scene={scene} onSelect={onSelect} />
      {item.outside > 0 && <p class="muted">{plural(item.outside, "edge")} to what is not drawn here.</p>}
    </aside>
  );
}

const starts = (scene) => scene.items.map((_, index) => index).filter((index) => !scene.inputs[index].length).slice(0, 20);

/** Neighbours in the picture, as buttons that arrow keys walk through. */
function Neighbours({ title, items, scene, onSelect }) {
  if (!items.length) return null;
  const walk = (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!step) return;
    event.preventDefault();
    event.target.closest("li")[step]?.querySelector("button").focus();
  };
  return (
    <section>
      <h3>{title} <small>{count(items.length)}</small></h3>
      <ul class="neighbours" onKeyDown={walk}>
        {items.slice(0, MOST_MEMBERS).map((index) => (
          <li key={scene.items[index].key}>
            <button type="button" class="plain" onClick={() => onSelect(index)}>
              <Name text={scene.items[index].label} /> <small>{visible(scene.items[index].detail)}</small>
            </button>
          </li>
        ))}
      </ul>
      {items.length > MOST_MEMBERS && <p class="muted">and {count(items.length - MOST_MEMBERS)} more</p>}
    </section>
  );
}

function Members({ nodes, item }) {
  const newest = item.members.slice(-MOST_MEMBERS).reverse();
  const failed = item.kind === "run" && item.failed > 0;
  return (
    <section>
      {failed && <p class="failed">{count(item.failed)} of {plural(item.members.length, "run")} failed</p>}
      <ul class="members">
        {newest.map((index) => (
          <li key={index} class={isFailed(nodes[index]) ? "failed" : ""}>
            <a href={pageOf(nodes[index])}><Name text={nodes[index].label} /></a> <Aliases names={nodes[index].aliases} />
            <small>{nodes[index].kind === "version" ? size(nodes[index].size) : nodes[index].state}</small>
          </li>
        ))}
      </ul>
      {item.members.length > MOST_MEMBERS && <p class="muted">the newest {MOST_MEMBERS} of {count(item.members.length)}</p>}
    </section>
  );
}

function VersionFacts({ node }) {
  const { data, error } = useDocument(node.deleted ? null : api("versions", [node.id]));
  if (node.deleted) return <p class="muted">Deleted. Its place in the lineage is kept.</p>;
  if (error) return <p class="failed">{visible(error.message)}</p>;
  if (!data) return <p class="muted">Reading…</p>;
  return (
    <>
      <p><Aliases names={data.aliases} /><Tags names={data.tags} /></p>
      {data.description && <p>{visible(data.description)}</p>}
      <Facts pairs={[["size", `${size(data.size)} in ${plural(data.entries, "entry", "entries")}`], ["made", <Time at={data.created} />]]} />
      <Values of={data.metadata} empty="" />
    </>
  );
}

function RunFacts({ id }) {
  const { data, error } = useDocument(api("runs", [id]));
  if (error) return <p class="failed">{visible(error.message)}</p>;
  if (!data) return <p class="muted">Reading…</p>;
  return (
    <>
      <Facts pairs={[["state", <State name={data.state} />], ["job", visible(data.job_type ?? "")], ["started", <Time at={data.started} />], ["by", visible(`${data.user}@${data.host}`)]]} />
      <h3>Config</h3>
      <Values of={data.config} />
      <h3>Summary</h3>
      <Values of={data.summary} />
    </>
  );
}
