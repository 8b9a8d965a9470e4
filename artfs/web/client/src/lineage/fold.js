// What is drawn of the graph: each node by itself, siblings as stacks, or artifacts and jobs as wholes.

import { plural } from "../format.js";

const STACK_FROM = 5;
const FAILED = new Set(["failed", "crashed", "killed"]);

export const isFailed = (node) => FAILED.has(node.state);

/**
 * Choose what is drawn.
 *
 * @param {object[]} nodes The graph, of `readGraph`.
 * @param {{view: string, shown?: Set<number>, opened?: Set<string>, focus?: number, keeps?: (node) => boolean}} options
 *     The view: "pipeline" (an artifact, or the runs of a job that write the same, are one node), "around" (siblings are
 *     stacks) or "everything"; the nodes to show; the keys of stacks that are opened; the node that is never folded; a filter.
 * @returns {{items: object[], edges: [number, number][], weights: number[], inputs: object[][], outputs: object[][],
 *     of: Map<number, number>}} The items to draw with their members, the edges between them and how many edges of the
 *     graph each stands for, the neighbours of each item, and the item of each node.
 */
export function fold(nodes, { view, shown, opened = new Set(), focus = -1, keeps }) {
  let indexes = shown ? [...shown] : nodes.map((node) => node.index);
  if (keeps) indexes = indexes.filter((index) => index === focus || keeps(nodes[index]));
  const inside = new Set(indexes);
  const keyOf = { pipeline: pipelineKeys, around: siblingKeys }[view]?.(nodes, indexes, inside) ?? ((index) => `#${index}`);
  const groups = new Map();
  for (const index of indexes) {
    const key = view === "around" && index === focus ? `#${index}` : keyOf(index);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(index);
  }
  const items = [];
  const of = new Map();
  const add = (key, members, whole) => {
    for (const member of members) of.set(member, items.length);
    items.push(makeItem(nodes, key, members, { whole, focus, inside: shown && inside }));
  };
  for (const [key, members] of groups) {
    if (view === "pipeline") add(key, members, true);
    else if (view === "around" && members.length >= STACK_FROM && !opened.has(key)) add(key, members, false);
    else for (const member of members) add(`#${member}`, [member], false);
  }
  return { items, of, ...connect(nodes, indexes, items, of) };
}

/** An artifact is one item; so are the runs of one job that write the same artifacts. */
function pipelineKeys(nodes) {
  return (index) => {
    const node = nodes[index];
    if (node.kind === "version") return `version ${node.group}`;
    const written = [...new Set(node.outputs.map((output) => nodes[output].group))].sort();
    return `run ${JSON.stringify([node.group, written])}`;
  };
}

/**
 * Siblings have one key: runs of a job with the same inputs; versions of an artifact whose runs are siblings.
 *
 * Keys are numbers given in the order of the data's flow, each made of the numbers before it, so neither the depth of the
 * graph nor the length of a key grows. What is on a cycle is nobody's sibling.
 */
function siblingKeys(nodes, indexes, inside) {
  const numbers = new Map();
  const keys = new Map();
  const waiting = new Map();
  const order = [];
  for (const index of indexes) {
    const inputs = nodes[index].inputs.filter((input) => inside.has(input)).length;
    waiting.set(index, inputs);
    if (!inputs) order.push(index);
  }
  for (let at = 0; at < order.length; at++) {
    const node = nodes[order[at]];
    const inputs = node.inputs.filter((input) => inside.has(input));
    const outputs = node.outputs.filter((output) => inside.has(output));
    let from = inputs.length ? inputs.map((input) => (node.kind === "run" ? input : keys.get(input))) : outputs;
    from = from.slice().sort((a, b) => a - b);
    const signature = `${node.kind}|${node.group}|${inputs.length ? "<" : ">"}${from.join(",")}`;
    if (!numbers.has(signature)) numbers.set(signature, numbers.size);
    keys.set(node.index, numbers.get(signature));
    for (const output of outputs) {
      const left = waiting.get(output) - 1;
      waiting.set(output, left);
      if (left === 0) order.push(output);
    }
  }
  const names = [...numbers.keys()];
  return (index) => (keys.has(index) ? names[keys.get(index)] : `#${index}`);
}

function makeItem(nodes, key, members, { whole, focus, inside }) {
  const node = nodes[members[0]];
  const stacked = whole || members.length > 1;
  const failed = members.filter((member) => isFailed(nodes[member])).length;
  let outside = 0;
  if (inside) {
    for (const member of members) {
      for (const other of nodes[member].inputs) outside += !inside.has(other);
      for (const other of nodes[member].outputs) outside += !inside.has(other);
    }
  }
  return {
    key,
    members,
    node,
    kind: node.kind,
    type: node.type,
    stacked,
    deleted: members.every((member) => nodes[member].deleted),
    focused: members.includes(focus),
    failed,
    running: members.some((member) => nodes[member].state === "running"),
    outside,
    label: stacked ? node.group : node.label,
    detail: stacked
      ? plural(members.length, node.kind) + (failed && failed < members.length ? ` · ${failed} failed` : "")
      : node.kind === "version" ? node.aliases.join(" ") : [node.job, node.state].filter(Boolean).join(" · "),
  };
}

function connect(nodes, indexes, items, of) {
  const weightOf = new Map();
  for (const index of indexes) {
    for (const output of nodes[index].outputs) {
      if (!of.has(output)) continue;
      const [from, to] = [of.get(index), of.get(output)];
      if (from === to) continue;
      const key = from * items.length + to;
      weightOf.set(key, (weightOf.get(key) ?? 0) + 1);
    }
  }
  const edges = [];
  const inputs = items.map(() => []);
  const outputs = items.map(() => []);
  for (const key of weightOf.keys()) {
    const [from, to] = [Math.floor(key / items.length), key % items.length];
    outputs[from].push({ node: to, edge: edges.length });
    inputs[to].push({ node: from, edge: edges.length });
    edges.push([from, to]);
  }
  return { edges, weights: [...weightOf.values()], inputs, outputs };
}
