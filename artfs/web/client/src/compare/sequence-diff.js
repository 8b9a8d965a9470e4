// Differences of two lists, by the greedy algorithm of E. Myers, "An O(ND) Difference Algorithm" (1986).

const MOST_CHANGES = 1500; // the time grows with their square: lists that differ more are all removed and all added

/**
 * The items of both lists in order, as {kind: "same" | "added" | "removed", old?: number, now?: number}: old and now are
 * their places in the lists.
 */
export function diffSequences(old, now) {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old[old.length - 1 - end] === now[now.length - 1 - end]) end++;
  const same = (count, oldAt, nowAt) => Array.from({ length: count }, (_, at) => ({ kind: "same", old: oldAt + at, now: nowAt + at }));
  const middle = changes(old.slice(start, old.length - end), now.slice(start, now.length - end));
  for (const change of middle) {
    if (change.old !== undefined) change.old += start;
    if (change.now !== undefined) change.now += start;
  }
  return [...same(start, 0, 0), ...middle, ...same(end, old.length - end, now.length - end)];
}

function changes(old, now) {
  const trace = search(old, now);
  if (!trace) {
    return [...old.map((_, at) => ({ kind: "removed", old: at })), ...now.map((_, at) => ({ kind: "added", now: at }))];
  }
  const found = [];
  let [x, y] = [old.length, now.length];
  for (let depth = trace.length - 1; depth >= 0; depth--) {
    const reach = (diagonal) => trace[depth][diagonal + depth + 1];
    const diagonal = x - y;
    const adds = diagonal === -depth || (diagonal !== depth && reach(diagonal - 1) < reach(diagonal + 1));
    const beforeX = depth === 0 ? 0 : reach(adds ? diagonal + 1 : diagonal - 1);
    const beforeY = depth === 0 ? 0 : beforeX - (adds ? diagonal + 1 : diagonal - 1);
    while (x > beforeX && y > beforeY) found.push({ kind: "same", old: --x, now: --y });
    if (depth > 0) found.push(adds ? { kind: "added", now: --y } : { kind: "removed", old: --x });
  }
  return found.reverse();
}

/** For each number of changes how far the diagonals were reached before it, until both ends are; null if there are too many. */
function search(old, now) {
  const most = Math.min(old.length + now.length, MOST_CHANGES);
  const middle = most + 1;
  const reach = new Int32Array(2 * most + 3);
  const trace = [];
  for (let depth = 0; depth <= most; depth++) {
    trace.push(reach.slice(middle - depth - 1, middle + depth + 2));
    for (let diagonal = -depth; diagonal <= depth; diagonal += 2) {
      const at = middle + diagonal;
      const adds = diagonal === -depth || (diagonal !== depth && reach[at - 1] < reach[at + 1]);
      let x = adds ? reach[at + 1] : reach[at - 1] + 1;
      while (x < old.length && x - diagonal < now.length && old[x] === now[x - diagonal]) x++;
      reach[at] = x;
      if (x >= old.length && x - diagonal >= now.length) return trace;
    }
  }
  return null;
}

/** Only the changes with some context; what is left out between is one {kind: "gap", count}. */
export function withContext(items, context = 3) {
  const near = new Uint8Array(items.length);
  items.forEach(({ kind }, at) => {
    if (kind === "same") return;
    near.fill(1, Math.max(0, at - context), at + context + 1);
  });
  const shown = [];
  for (let at = 0; at < items.length; at++) {
    if (near[at]) shown.push(items[at]);
    else if (shown.at(-1)?.kind === "gap") shown.at(-1).count++;
    else shown.push({ kind: "gap", count: 1 });
  }
  return shown;
}
