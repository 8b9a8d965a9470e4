// Two tables: columns that came and went, and values that changed in rows.

import { useMemo } from "preact/hooks";
import { plural, value } from "../format.js";
import { columnName } from "../previews/table.jsx";
import { visible } from "../text.js";
import { diffSequences, withContext } from "./sequence-diff.js";

export function RowsDiff({ old, now }) {
  const [oldNames, nowNames] = [old, now].map((preview) => preview.columns.map(columnName));
  const names = [...nowNames, ...oldNames.filter((name) => !nowNames.includes(name))];
  const changes = useMemo(() => {
    const keys = [old, now].map((preview) => preview.rows.map((row) => JSON.stringify(row)));
    return withContext(pairChanged(diffSequences(...keys), old.rows, now.rows), 1);
  }, [old, now]);
  const cellOf = (preview, own, at, name) => (at === undefined || !own.includes(name) ? undefined : value(preview.rows[at][own.indexOf(name)]));
  const headClass = (name) => (!oldNames.includes(name) ? "added" : !nowNames.includes(name) ? "removed" : "");
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Changed rows">
      <table class="diff">
        <thead><tr><th scope="col">Row</th>{names.map((name) => <th key={name} scope="col" class={headClass(name)}>{visible(name)}</th>)}</tr></thead>
        <tbody>
          {changes.map((change, at) =>
            change.kind === "gap" ? (
              <tr key={at} class="gap"><td colSpan={names.length + 1}>{plural(change.count, "row")} the same</td></tr>
            ) : (
              <tr key={at} class={change.kind}>
                <td class="line">{SIGNS[change.kind]}{(change.now ?? change.old) + 1}</td>
                {names.map((name) => (
                  <Cell key={name} before={cellOf(old, oldNames, change.old, name)} after={cellOf(now, nowNames, change.now, name)} kind={change.kind} />
                ))}
              </tr>
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

const SIGNS = { same: "", added: "+", removed: "−", modified: "~" };

function Cell({ before, after, kind }) {
  if (kind !== "modified" || before === after) return <td>{after ?? before ?? ""}</td>;
  return (
    <td>
      {before !== undefined && <del>{before}</del>} {after !== undefined && <ins>{after}</ins>}
    </td>
  );
}

/** Rows that were removed where as many came, and that have a value in common with theirs, are rows that were changed. */
function pairChanged(changes, oldRows, nowRows) {
  const paired = [];
  for (let at = 0; at < changes.length; ) {
    const removed = run(changes, at, "removed");
    const added = run(changes, at + removed.length, "added");
    at += removed.length + added.length || 1;
    if (!removed.length && !added.length) paired.push(changes[at - 1]);
    else if (removed.length === added.length && removed.every(({ old }, each) => oldRows[old].some((cell, column) => cell === nowRows[added[each].now][column]))) {
      removed.forEach(({ old }, each) => paired.push({ kind: "modified", old, now: added[each].now }));
    } else paired.push(...removed, ...added);
  }
  return paired;
}

function run(changes, start, kind) {
  let end = start;
  while (changes[end]?.kind === kind) end++;
  return changes.slice(start, end);
}
