import assert from "node:assert/strict";
import test from "node:test";
import { fold } from "../src/lineage/fold.js";
import { around, findNode, path, readGraph, search } from "../src/lineage/graph.js";

/** A data set that a sweep of runs read, each of which made a model. */
function sweep(runs, { failed = [] } = {}) {
  const versions = [["data", 0, "dataset", 1, 0, ["latest"]]];
  for (let run = 0; run < runs; run++) versions.push(["model", run, "model", 1, run, []]);
  const edges = [];
  const documents = [];
  for (let run = 0; run < runs; run++) {
    documents.push([`id${run}`, `train-${run}`, "train", failed.includes(run) ? "failed" : "finished", run]);
    edges.push([0, versions.length + run], [versions.length + run, 1 + run]);
  }
  return readGraph({ versions, runs: documents, edges });
}

test("five siblings become a stack, four do not", () => {
  assert.deepEqual(fold(sweep(4), { view: "around" }).items.map((item) => item.stacked), Array(9).fill(false));
  const { items, edges, weights } = fold(sweep(5), { view: "around" });
  assert.deepEqual(items.map((item) => item.label), ["data:v0", "model", "train"]);
  assert.deepEqual(items.map((item) => item.detail), ["latest", "5 versions", "5 runs"]);
  assert.deepEqual(edges, [[0, 2], [2, 1]]);
  assert.deepEqual(weights, [5, 5]);
});

test("a stack opens by its key and leaves the others", () => {
  const nodes = sweep(6);
  const [stack] = fold(nodes, { view: "around" }).items.filter((item) => item.kind === "run");
  const { items } = fold(nodes, { view: "around", opened: new Set([stack.key]) });
  assert.equal(items.filter((item) => item.kind === "run").length, 6);
  assert.equal(items.filter((item) => item.kind === "version" && item.stacked).length, 1);
});

test("the focus is never folded away", () => {
  const nodes = sweep(6);
  const { items } = fold(nodes, { view: "around", focus: findNode(nodes, "model:v3") });
  assert.deepEqual(items.filter((item) => item.focused).map((item) => item.label), ["model:v3"]);
});

test("a stack says how many of its runs failed", () => {
  const { items } = fold(sweep(6, { failed: [2] }), { view: "around" });
  assert.deepEqual(items.filter((item) => item.kind === "run").map((item) => [item.failed, item.members.length]), [[1, 6]]);
});

test("a pipeline has one item for each artifact and for each job", () => {
  const { items } = fold(sweep(3), { view: "pipeline" });
  assert.deepEqual(items.map((item) => item.detail).sort(), ["1 version", "3 runs", "3 versions"]);
});

test("a chain of 5,000 and a cycle are folded", () => {
  const versions = Array.from({ length: 5_000 }, (_, version) => ["data", version, "dataset", 1, version]);
  const runs = Array.from({ length: 4_999 }, (_, run) => [`id${run}`, "", "clean", "finished", run]);
  const edges = runs.flatMap((_, run) => [[run, 5_000 + run], [5_000 + run, run + 1]]);
  assert.equal(fold(readGraph({ versions, runs, edges }), { view: "around" }).items.length, 9_999);
  const cycle = readGraph({ versions: versions.slice(0, 1), runs: runs.slice(0, 1), edges: [[0, 1], [1, 0]] });
  assert.equal(fold(cycle, { view: "around" }).edges.length, 2);
});

test("the neighbourhood counts runs", () => {
  const nodes = sweep(3);
  const focus = findNode(nodes, "model:v0");
  assert.deepEqual([...around(nodes, focus, 1, 0)].map((index) => nodes[index].id).sort(), ["data:v0", "id0", "model:v0"]);
  assert.equal(around(nodes, focus, 0, 2).size, 1);
});

test("what is outside of the shown part is counted", () => {
  const nodes = sweep(3);
  const { items } = fold(nodes, { view: "around", shown: around(nodes, findNode(nodes, "model:v0"), 1, 1) });
  assert.deepEqual(items.filter((item) => item.outside).map((item) => [item.label, item.outside]), [["data:v0", 2]]);
});

test("a filter leaves out nodes but for the focus", () => {
  const nodes = sweep(2);
  const { items } = fold(nodes, { view: "everything", focus: 0, keeps: (node) => node.kind === "run" });
  assert.deepEqual(items.map((item) => item.label), ["data:v0", "train-0", "train-1"]);
});

test("the path holds what a node came from and what came of it, and no siblings", () => {
  const scene = fold(sweep(2), { view: "everything" });
  const { nodes, edges } = path(scene, 1);
  assert.deepEqual([...nodes].map((item) => scene.items[item].label).sort(), ["data:v0", "model:v0", "train-0"]);
  assert.equal(edges.size, 2);
});

test("search finds names, aliases and ids, newest first", () => {
  const nodes = sweep(3);
  assert.deepEqual(search(nodes, "MODEL:").map((node) => node.id), ["model:v2", "model:v1", "model:v0"]);
  assert.deepEqual(search(nodes, "data:lat").map((node) => node.id), ["data:v0"]);
  assert.deepEqual(search(nodes, "id1").map((node) => node.id), ["id1"]);
  assert.deepEqual(search(nodes, " "), []);
});

test("a version is found by its alias", () => {
  const nodes = sweep(1);
  assert.equal(nodes[findNode(nodes, "data:latest")].id, "data:v0");
  assert.equal(findNode(nodes, "data:nobody"), -1);
});
