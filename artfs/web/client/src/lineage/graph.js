// The graph of the store as the server sends it, and the walks over it. Nothing here knows of the page.

/**
 * Make nodes with neighbours from the columns of `api/graph`.
 *
 * A node has: index, kind ("version" or "run"), id (a reference, or a run's id), label, group (its artifact or job), type or
 * state, aliases, inputs and outputs (indexes of nodes).
 */
export function readGraph(document) {
  const nodes = [];
  for (const [artifact, version, type, size, created, aliases = [], deleted = false] of document.versions) {
    const id = `${artifact}:v${version}`;
    nodes.push({ kind: "version", id, label: id, group: artifact, type, size, created, aliases, deleted, state: "" });
  }
  for (const [id, name, job, state, started] of document.runs) {
    const label = name || id;
    nodes.push({ kind: "run", id, label, group: job || label, job: job || "", type: "run", state, created: started, aliases: [] });
  }
  nodes.forEach((node, index) => Object.assign(node, { index, inputs: [], outputs: [] }));
  for (const [from, to] of document.edges) {
    nodes[from].outputs.push(to);
    nodes[to].inputs.push(from);
  }
  return nodes;
}

/** The index of the version or run with this id; a version is found by its aliases too. -1 if there is none. */
export function findNode(nodes, id) {
  const exact = nodes.findIndex((node) => node.id === id);
  if (exact >= 0 || !id.includes(":")) return exact;
  const [artifact, alias] = id.split(":");
  return nodes.findIndex((node) => node.group === artifact && node.aliases.includes(alias));
}

/** What lies within so many runs of a node, against the flow of data and along it: a set of indexes. */
export function around(nodes, focus, up, down) {
  const found = new Set([focus]);
  for (const [side, runs] of [["inputs", up], ["outputs", down]]) {
    let edge = [focus];
    for (let step = 0; step < runs * 2 && edge.length; step++) {
      const next = [];
      for (const index of edge) {
        for (const other of nodes[index][side]) {
          if (found.has(other)) continue;
          found.add(other);
          next.push(other);
        }
      }
      edge = next;
    }
  }
  return found;
}

/** Everything that a node came from and everything that came of it, in a drawn scene: sets of nodes and of edges. */
export function path(scene, start) {
  const nodes = new Set([start]);
  const edges = new Set();
  for (const side of ["inputs", "outputs"]) {
    const stack = [start];
    const seen = new Set(stack);
    while (stack.length) {
      for (const { node, edge } of scene[side][stack.pop()]) {
        edges.add(edge);
        nodes.add(node);
        if (seen.has(node)) continue;
        seen.add(node);
        stack.push(node);
      }
    }
  }
  return { nodes, edges };
}

/** Nodes whose name, alias or job contains a text, newest first. */
export function search(nodes, text, limit = 12) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const holds = (node) =>
    node.label.toLowerCase().includes(wanted) ||
    node.id.toLowerCase().startsWith(wanted) ||
    node.aliases.some((alias) => `${node.group}:${alias}`.toLowerCase().includes(wanted));
  return nodes.filter(holds).sort((a, b) => (b.created > a.created) - (b.created < a.created)).slice(0, limit);
}
