import assert from "node:assert/strict";
import test from "node:test";
import { COLUMN, layout, NODE_HEIGHT } from "../src/lineage/layout.js";
import { MANY, SHAPES } from "../bench/shapes.js";

function assertNoOverlap(placed) {
  const columns = new Map();
  placed.x.forEach((x, node) => (columns.has(x) ? columns.get(x).push(placed.y[node]) : columns.set(x, [placed.y[node]])));
  for (const rows of columns.values()) {
    rows.sort((a, b) => a - b);
    for (let at = 1; at < rows.length; at++) assert.ok(rows[at] - rows[at - 1] >= NODE_HEIGHT, `${rows[at - 1]}, ${rows[at]}`);
  }
}

function assertFlowsToTheRight(placed, edges) {
  edges.forEach(([from, to], number) => {
    if (!placed.reversed.has(number)) assert.ok(placed.x[to] > placed.x[from]);
  });
}

for (const [name, [count, edges]] of Object.entries(SHAPES)) {
  test(`a ${name} is laid out from left to right without overlap`, () => {
    const placed = layout(count, edges);
    assertFlowsToTheRight(placed, edges);
    assertNoOverlap(placed);
    assert.ok(placed.y.every((y) => y >= 0 && y <= placed.height));
  });
}

test("a chain is a straight line", () => {
  const placed = layout(...SHAPES.chain);
  assert.equal(new Set(placed.y).size, 1);
  assert.equal(placed.x[MANY - 1], (MANY - 1) * COLUMN);
});

test("the middle of a fan stands before the middle of its outputs", () => {
  const placed = layout(5, [[0, 1], [0, 2], [0, 3], [0, 4]]);
  assert.equal(placed.y[0], (Math.min(...placed.y) + Math.max(...placed.y)) / 2);
});

test("two parallel chains do not cross", () => {
  const placed = layout(7, [[0, 1], [0, 2], [1, 4], [2, 3], [4, 6], [3, 5]]);
  assert.equal(placed.y[1] < placed.y[2], placed.y[4] < placed.y[3]);
  assert.equal(placed.y[4] < placed.y[3], placed.y[6] < placed.y[5]);
});

test("a cycle is laid out, with one edge drawn backwards", () => {
  const placed = layout(3, [[0, 1], [1, 2], [2, 0]]);
  assert.equal(placed.reversed.size, 1);
  assert.equal(new Set(placed.x).size, 3);
});

test("an edge over columns bends around the nodes between", () => {
  const edges = [[0, 1], [1, 2], [2, 3], [0, 3]];
  const placed = layout(4, edges);
  const bends = placed.bends.get(3);
  assert.equal(bends.length, 4);
  assert.ok(Math.abs(bends[1] - placed.y[1]) > NODE_HEIGHT / 2);
});

test("components are packed side by side and do not overlap", () => {
  const edges = Array.from({ length: 300 }, (_, pair) => [pair * 2, pair * 2 + 1]);
  const placed = layout(600, edges);
  assertNoOverlap(placed);
  assert.ok(placed.width / placed.height > 0.8 && placed.width / placed.height < 3, `${placed.width} x ${placed.height}`);
});

test("nothing is laid out as nothing", () => {
  const placed = layout(0, []);
  assert.deepEqual([placed.x.length, placed.width, placed.height], [0, 0, 0]);
});
