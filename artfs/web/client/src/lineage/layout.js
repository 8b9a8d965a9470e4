// Layered layout of a directed graph: columns by longest path, rows by barycentres, components packed on shelves.
// Everything is iterative: a chain of thousands of nodes needs no stack. Nothing here knows of the page.

export const NODE_WIDTH = 168;
export const NODE_HEIGHT = 34;
export const COLUMN = 212;
export const ROW = 48;

const SWEEPS = 12;
const MOST_BENDS = 40_000;
const COUNT_CROSSINGS_BELOW = 4_000;
const BEND_HEIGHT = 0.35; // of a row: long edges run closer together than nodes
const SHELF_ASPECT = 1.7;

/**
 * Place the nodes of a graph.
 *
 * @param {number} count How many nodes there are: 0 to count - 1.
 * @param {[number, number][]} edges Pairs of nodes, from left to right. Cycles are allowed.
 * @returns {{x: Float64Array, y: Float64Array, bends: Map<number, number[]>, reversed: Set<number>, width: number,
 *     height: number}} The left end and the vertical middle of each node; for the number of each edge that crosses
 *     columns the points that it bends at, flat as x, y, x, y; the numbers of edges that run from right to left.
 */
export function layout(count, edges) {
  const reversed = backEdges(count, edges);
  const forward = edges.filter((_, number) => !reversed.has(number));
  const layers = assignLayers(count, forward);
  const graph = withBends(count, edges, reversed, layers);
  const rows = new Float64Array(graph.count);
  const components = connected(graph);
  const wanted = new Float64Array(graph.count);
  for (const members of components) orderRows(graph, members, rows, wanted);
  return { ...shelved(graph, components, rows, count), reversed };
}

/** Adjacency in two flat arrays: the neighbours of n are list[start[n]] to list[start[n + 1] - 1]. */
function adjacency(count, pairs, from, to) {
  const start = new Int32Array(count + 1);
  for (const pair of pairs) start[pair[from] + 1]++;
  for (let node = 0; node < count; node++) start[node + 1] += start[node];
  const list = new Int32Array(pairs.length);
  const edge = new Int32Array(pairs.length);
  const next = start.slice();
  pairs.forEach((pair, number) => {
    const place = next[pair[from]]++;
    list[place] = pair[to];
    edge[place] = number;
  });
  return { start, list, edge };
}

/** Numbers of the edges that close a cycle, found by depth-first search from the nodes with fewest inputs. */
function backEdges(count, edges) {
  const out = adjacency(count, edges, 0, 1);
  const inputs = new Int32Array(count);
  for (const [, to] of edges) inputs[to]++;
  const roots = Array.from({ length: count }, (_, node) => node).sort((a, b) => inputs[a] - inputs[b]);
  const state = new Uint8Array(count); // 1: on the path, 2: done
  const next = out.start.slice(0, count);
  const found = new Set();
  for (const root of roots) {
    if (state[root]) continue;
    const path = [root];
    state[root] = 1;
    while (path.length) {
      const node = path[path.length - 1];
      if (next[node] === out.start[node + 1]) {
        state[node] = 2;
        path.pop();
        continue;
      }
      const place = next[node]++;
      const target = out.list[place];
      if (state[target] === 1) found.add(out.edge[place]);
      else if (!state[target]) {
        state[target] = 1;
        path.push(target);
      }
    }
  }
  return found;
}

/** Column of each node: after the last of its inputs; what has none stands just before the first of its outputs. */
function assignLayers(count, edges) {
  const out = adjacency(count, edges, 0, 1);
  const waiting = new Int32Array(count);
  for (const [, to] of edges) waiting[to]++;
  const isSource = Array.from(waiting, (inputs) => inputs === 0);
  const layers = new Int32Array(count);
  const order = [];
  for (let node = 0; node < count; node++) if (isSource[node]) order.push(node);
  for (let at = 0; at < order.length; at++) {
    const node = order[at];
    for (let place = out.start[node]; place < out.start[node + 1]; place++) {
      const target = out.list[place];
      layers[target] = Math.max(layers[target], layers[node] + 1);
      if (--waiting[target] === 0) order.push(target);
    }
  }
  for (let node = 0; node < count; node++) {
    if (!isSource[node] || out.start[node] === out.start[node + 1]) continue;
    let first = Infinity;
    for (let place = out.start[node]; place < out.start[node + 1]; place++) {
      first = Math.min(first, layers[out.list[place]]);
    }
    layers[node] = first - 1;
  }
  return layers;
}

/** The graph with a node for each column that an edge only passes, while there are few enough of them. */
function withBends(count, edges, reversed, layers) {
  let bends = 0;
  edges.forEach(([from, to], number) => {
    if (!reversed.has(number)) bends += layers[to] - layers[from] - 1;
  });
  const bending = bends <= MOST_BENDS;
  const total = count + (bending ? bends : 0);
  const layer = new Int32Array(total);
  layer.set(layers);
  const steps = [];
  const chains = new Map();
  let added = count;
  edges.forEach(([from, to], number) => {
    if (reversed.has(number)) return;
    let last = from;
    const chain = [];
    for (let column = layers[from] + 1; bending && column < layers[to]; column++) {
      layer[added] = column;
      steps.push([last, added]);
      chain.push(added);
      last = added++;
    }
    steps.push([last, to]);
    if (chain.length) chains.set(number, chain);
  });
  return {
    nodes: count,
    count: total,
    layer,
    chains,
    right: adjacency(total, steps, 0, 1),
    left: adjacency(total, steps, 1, 0),
  };
}

/** The connected components, each in the order of a depth-first walk, which puts what belongs together side by side. */
function connected(graph) {
  const seen = new Uint8Array(graph.count);
  const components = [];
  for (let root = 0; root < graph.count; root++) {
    if (seen[root]) continue;
    const members = [];
    const stack = [root];
    seen[root] = 1;
    while (stack.length) {
      const node = stack.pop();
      members.push(node);
      for (const side of [graph.left, graph.right]) {
        for (let place = side.start[node + 1] - 1; place >= side.start[node]; place--) {
          const other = side.list[place];
          if (!seen[other]) {
            seen[other] = 1;
            stack.push(other);
          }
        }
      }
    }
    components.push(members);
  }
  return components;
}

/** Put the nodes of one component into rows, by sweeps to the right and to the left; few crossings, short edges. */
function orderRows(graph, members, rows, wanted) {
  const columns = new Map();
  for (const node of members) {
    const column = graph.layer[node];
    if (!columns.has(column)) columns.set(column, []);
    const nodes = columns.get(column);
    rows[node] = nodes.length;
    nodes.push(node);
  }
  const ordered = [...columns.keys()].sort((a, b) => a - b).map((column) => columns.get(column));
  if (members.length === 1) return;
  const countsCrossings = members.length < COUNT_CROSSINGS_BELOW;
  let fewest = Infinity;
  let best = null;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const toTheRight = sweep % 2 === 0;
    const sorts = countsCrossings || sweep < SWEEPS - 2; // the last two only shorten edges
    for (let at = 1; at < ordered.length; at++) {
      const column = toTheRight ? ordered[at] : ordered[ordered.length - 1 - at];
      placeColumn(graph, column, toTheRight ? graph.left : graph.right, rows, wanted, sorts);
    }
    if (countsCrossings && !toTheRight) {
      const crossings = countCrossings(graph, ordered, rows);
      if (crossings < fewest) {
        fewest = crossings;
        best = members.map((node) => rows[node]);
      }
    }
  }
  if (best) members.forEach((node, at) => (rows[node] = best[at]));
}

/** Order one column by the mean of its neighbours' rows, and move it as near to them as its spacing allows. */
function placeColumn(graph, column, side, rows, wanted, sorts) {
  for (const node of column) {
    const first = side.start[node];
    const end = side.start[node + 1];
    let sum = 0;
    for (let place = first; place < end; place++) sum += rows[side.list[place]];
    wanted[node] = end > first ? sum / (end - first) : rows[node];
  }
  if (sorts) column.sort((a, b) => wanted[a] - wanted[b] || rows[a] - rows[b]);
  // Isotonic regression: nodes that would overlap become a block, which stands at the mean of what its nodes want.
  const middles = [];
  const blocks = [];
  let offset = 0;
  for (const node of column) {
    const height = node < graph.nodes ? 1 : BEND_HEIGHT;
    middles.push(offset + height / 2);
    offset += height;
    let block = { mean: wanted[node] - middles[middles.length - 1], count: 1 };
    while (blocks.length && blocks[blocks.length - 1].mean > block.mean) {
      const before = blocks.pop();
      const count = before.count + block.count;
      block = { mean: (before.mean * before.count + block.mean * block.count) / count, count };
    }
    blocks.push(block);
  }
  let at = 0;
  for (const block of blocks) {
    for (const end = at + block.count; at < end; at++) rows[column[at]] = block.mean + middles[at];
  }
}

/** How many pairs of edges cross between neighbouring columns, by a Fenwick tree over the rows of the right one. */
function countCrossings(graph, columns, rows) {
  let crossings = 0;
  for (let at = 0; at + 1 < columns.length; at++) {
    const rank = new Map();
    [...columns[at + 1]].sort((a, b) => rows[a] - rows[b]).forEach((node, place) => rank.set(node, place + 1));
    const tree = new Int32Array(rank.size + 1);
    let passed = 0;
    for (const node of [...columns[at]].sort((a, b) => rows[a] - rows[b])) {
      const targets = [];
      for (let place = graph.right.start[node]; place < graph.right.start[node + 1]; place++) {
        const target = rank.get(graph.right.list[place]);
        if (target !== undefined) targets.push(target);
      }
      for (const target of targets) {
        let notAfter = 0;
        for (let index = target; index > 0; index -= index & -index) notAfter += tree[index];
        crossings += passed - notAfter;
      }
      for (const target of targets) {
        for (let index = target; index < tree.length; index += index & -index) tree[index]++;
      }
      passed += targets.length;
    }
  }
  return crossings;
}

/** Rows left free below a shelf: single nodes stand close together, as in a grid. */
const shelfGap = (rows) => (rows > 1 ? 1 : 0);

/** Put the components on shelves, largest first, so that the whole has the shape of a window. */
function shelved(graph, components, rows, count) {
  const boxes = components.map((members) => {
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const node of members) {
      left = Math.min(left, graph.layer[node]);
      right = Math.max(right, graph.layer[node]);
      top = Math.min(top, rows[node]);
      bottom = Math.max(bottom, rows[node]);
    }
    return { members, left, top, columns: right - left + 1, rows: bottom - top + 1 };
  });
  boxes.sort((a, b) => b.rows - a.rows || b.columns - a.columns);
  let area = 0;
  let widest = 0;
  for (const box of boxes) {
    area += box.columns * COLUMN * (box.rows + shelfGap(box.rows)) * ROW;
    widest = Math.max(widest, box.columns);
  }
  const limit = Math.max(widest, Math.ceil(Math.sqrt(area * SHELF_ASPECT) / COLUMN));
  const x = new Float64Array(graph.count);
  const y = new Float64Array(graph.count);
  let [column, shelf, height, width] = [0, 0, 0, 0];
  for (const box of boxes) {
    if (column + box.columns > limit && column > 0) {
      shelf += height + shelfGap(height);
      [column, height] = [0, 0];
    }
    for (const node of box.members) {
      x[node] = (graph.layer[node] - box.left + column) * COLUMN;
      y[node] = (rows[node] - box.top + shelf + 0.5) * ROW;
    }
    column += box.columns;
    height = Math.max(height, box.rows);
    width = Math.max(width, column);
  }
  const bends = new Map();
  for (const [number, chain] of graph.chains) bends.set(number, chain.flatMap((node) => [x[node], y[node]]));
  return {
    x: x.slice(0, count),
    y: y.slice(0, count),
    bends,
    width: Math.max(0, width * COLUMN - (COLUMN - NODE_WIDTH)),
    height: (shelf + height) * ROW,
  };
}
