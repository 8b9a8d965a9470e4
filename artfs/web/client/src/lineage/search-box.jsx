// Search for a version or run of the graph, by name, alias or id.

import { useMemo, useState } from "preact/hooks";
import { visible } from "../text.js";
import { search } from "./graph.js";
import { centre } from "./navigation.js";

export function SearchBox({ nodes }) {
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const hits = useMemo(() => search(nodes, text), [nodes, text]);
  const go = (node) => {
    setText("");
    centre(node);
  };
  const typed = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length) setActive((active + step + hits.length) % hits.length);
    else if (event.key === "Enter" && hits[active]) go(hits[active]);
    else if (event.key === "Escape") setText("");
    else return;
    event.preventDefault();
  };
  return (
    <div class="search">
      <input
        type="search"
        role="combobox"
        placeholder="Find a version or run"
        aria-label="Find a version or run"
        aria-expanded={hits.length > 0}
        aria-controls="search-hits"
        aria-activedescendant={hits.length ? `search-hit-${active}` : undefined}
        autocomplete="off"
        value={text}
        onInput={(event) => {
          setText(event.target.value);
          setActive(0);
        }}
        onKeyDown={typed}
      />
      <ul id="search-hits" role="listbox" aria-label="Found" hidden={!text.trim()}>
        {hits.map((node, at) => (
          <li key={node.id} id={`search-hit-${at}`} role="option" aria-selected={at === active} onClick={() => go(node)}>
            <span>{visible(node.label)}</span> <small>{visible(node.kind === "version" ? node.type : node.job || "run")}</small>
          </li>
        ))}
        {!hits.length && <li class="muted" role="option" aria-selected="false">Nothing is called so</li>}
      </ul>
    </div>
  );
}
