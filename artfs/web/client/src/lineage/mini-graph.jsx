// The nearest neighbours of a version or run, small, on its page.

import { useMemo } from "preact/hooks";
import { useDocument } from "../api.js";
import { Graph } from "./canvas.jsx";
import { fold } from "./fold.js";
import { around, findNode, readGraph } from "./graph.js";
import { lineageOf, pageOf } from "./navigation.js";

export function MiniGraph({ id }) {
  const { data } = useDocument("api/graph");
  const scene = useMemo(() => {
    if (!data) return null;
    const nodes = readGraph(data);
    const focus = findNode(nodes, id);
    if (focus < 0) return null;
    return fold(nodes, { view: "around", shown: around(nodes, focus, 1, 1), focus });
  }, [data, id]);
  const go = (index) => {
    const item = scene.items[index];
    if (!item || item.focused) return;
    location.hash = item.stacked ? lineageOf(id) : pageOf(item.node);
  };
  if (data && !scene) return null;
  return <Graph scene={scene} className="mini" label="What made it and what used it" focusable={false} onSelect={go} whole />;
}
