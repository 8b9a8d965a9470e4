// The lineage: versions and runs as a graph, in three views.

import { useMemo, useRef, useState } from "preact/hooks";
import { useDocument } from "../api.js";
import { Await, Empty } from "../components/states.jsx";
import { Graph } from "../lineage/canvas.jsx";
import { fold } from "../lineage/fold.js";
import { around, findNode, readGraph } from "../lineage/graph.js";
import { Legend } from "../lineage/legend.jsx";
import { centre } from "../lineage/navigation.js";
import { SidePanel } from "../lineage/side-panel.jsx";
import { Toolbar } from "../lineage/toolbar.jsx";

const DEPTH = 2;

export function LineagePage({ query }) {
  const answer = useDocument("api/graph");
  return (
    <Await answer={answer}>
      {(document) =>
        document.versions.length + document.runs.length === 0 ? (
          <Empty title="No lineage yet" command="artfs run -- python train.py">
            Runs that read and write artifacts are drawn here, with all that they made.
          </Empty>
        ) : (
          <Lineage document={document} query={query} />
        )
      }
    </Await>
  );
}

function Lineage({ document, query }) {
  const canvas = useRef(null);
  const nodes = useMemo(() => readGraph(document), [document]);
  const focus = query.focus ? findNode(nodes, query.focus) : -1;
  const view = query.view || (focus >= 0 ? "around" : "pipeline");
  const up = depth(query.up);
  const down = depth(query.down);
  const [opened, setOpened] = useState(new Set());
  const [selected, setSelected] = useState(null);
  const [drawn, setDrawn] = useState(0);

  const scene = useMemo(() => {
    const shown = view === "around" && focus >= 0 ? around(nodes, focus, up, down) : undefined;
    return fold(nodes, { view, shown, opened, focus, keeps: filter(query) });
  }, [nodes, view, focus, up, down, opened, query.type, query.job]);

  // The picture stays where the user left it when only the store or a stack changed.
  const subject = [view, focus >= 0 ? nodes[focus].id : "", up, down, query.type, query.job].join("|");
  const before = useRef("");
  const keepsView = before.current === subject;
  before.current = subject;

  const item = scene.items[selected?.scene === scene ? selected.item : scene.items.findIndex((each) => each.focused)];
  const open = (index) => {
    const chosen = scene.items[index];
    if (view === "pipeline") centre(nodes[chosen.members.at(-1)]);
    else if (chosen.stacked) setOpened(new Set(opened).add(chosen.key));
    else centre(chosen.node);
  };

  return (
    <div class="lineage">
      <h1 class="hidden">Lineage</h1>
      <Toolbar {...{ nodes, focus, view, up, down, query, canvas, opened }} onFold={() => setOpened(new Set())} />
      {query.focus && focus < 0 && (
        <p class="notice" role="alert">The graph has no version or run that is called so: it may have been deleted. This is the whole pipeline.</p>
      )}
      <div class="stage">
        <div class="picture">
          <Graph
            scene={scene}
            canvas={canvas}
            keepsView={keepsView}
            label={`Lineage graph of ${scene.items.length} items. Arrow keys follow it, Enter opens, plus and minus zoom, 0 shows all.`}
            onSelect={(index) => setSelected({ scene, item: index })}
            onOpen={open}
            onDraw={setDrawn}
          />
          <Legend scene={scene} drawn={drawn} total={nodes.length} />
        </div>
        <SidePanel
          nodes={nodes}
          scene={scene}
          item={item}
          onSelect={(index) => canvas.current.select(index, { reveal: true })}
          onOpen={open}
          onClose={() => canvas.current.select(-1)}
        />
      </div>
    </div>
  );
}

const depth = (text) => (/^\d{1,3}$/.test(text ?? "") ? Number(text) : DEPTH);

function filter({ type, job }) {
  if (!type && !job) return undefined;
  return (node) => (node.kind === "version" ? !type || node.type === type : !job || node.job === job);
}
