// Graphs that are hard to lay out, for tests and for `scripts/bench`.

export const MANY = 5_000;
const chain = Array.from({ length: MANY - 1 }, (_, node) => [node, node + 1]);
const fanOut = Array.from({ length: MANY - 1 }, (_, node) => [0, node + 1]);
const fanIn = Array.from({ length: MANY - 1 }, (_, node) => [node + 1, 0]);

/** Ten thousand nodes of a pipeline: some inputs are near, a few far back. The same each time. */
function pipeline(count) {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const edges = [];
  for (let node = 1; node < count; node++) {
    for (let input = random() < 0.58 ? 1 : 2; input > 0; input--) {
      edges.push([Math.max(0, node - 1 - Math.floor(random() * (random() < 0.9 ? 40 : 800))), node]);
    }
  }
  return edges;
}

/** How many nodes there are, and the edges between them, by the name of the shape. */
export const SHAPES = {
  chain: [MANY, chain],
  "fan-out": [MANY, fanOut],
  "fan-in": [MANY, fanIn],
  pipeline: [2 * MANY, pipeline(2 * MANY)],
};
