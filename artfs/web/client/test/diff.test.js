import assert from "node:assert/strict";
import test from "node:test";
import { diffSequences, withContext } from "../src/compare/sequence-diff.js";

const apply = (old, now, changes) => {
  assert.deepEqual(changes.filter((change) => change.kind !== "added").map((change) => old[change.old]), old);
  assert.deepEqual(changes.filter((change) => change.kind !== "removed").map((change) => now[change.now]), now);
  for (const { kind, old: left, now: right } of changes) if (kind === "same") assert.equal(old[left], now[right]);
  return changes.filter((change) => change.kind !== "same").length;
};

test("the shortest list of changes leads from one list to the other", () => {
  const cases = [["", "", 0], ["abc", "abc", 0], ["abcabba", "cbabac", 5], ["", "abc", 3], ["abc", "", 3], ["abc", "axc", 2], ["xaby", "xy", 2]];
  for (const [old, now, count] of cases) assert.equal(apply([...old], [...now], diffSequences([...old], [...now])), count);
});

test("random lists come out whole", () => {
  let seed = 3;
  const random = (most) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
  for (let round = 0; round < 300; round++) {
    const list = () => Array.from({ length: random(30) }, () => random(4));
    const [old, now] = [list(), list()];
    apply(old, now, diffSequences(old, now));
  }
});

test("lists that have nothing in common are replaced, however long", () => {
  const [old, now] = [Array.from({ length: 20_000 }, (_, at) => `a${at}`), Array.from({ length: 20_000 }, (_, at) => `b${at}`)];
  assert.equal(apply(old, now, diffSequences(old, now)), 40_000);
});

test("what did not change is left out but for some context", () => {
  const old = Array.from({ length: 20 }, (_, at) => at);
  const now = old.map((each) => (each === 10 ? -1 : each));
  const kinds = withContext(diffSequences(old, now), 2).map(({ kind, count }) => (kind === "gap" ? count : kind));
  assert.deepEqual(kinds, [8, "same", "same", "removed", "added", "same", "same", 7]);
});
