// A table whose columns sort it. What is sorted is what was fetched.

import { useMemo, useState } from "preact/hooks";

/**
 * @param {{columns: {key: string, title: string, numeric?: boolean, of: (row) => any, show?: (row) => any}[],
 *     rows: object[], idOf?: (row) => string, selected?: string, caption: string}} props `of` gives what a row is sorted
 *     by, `show` what stands in its cell. `order` and `onOrder` let a page keep the order in its URL.
 */
export function Table({ columns, rows, idOf, selected, caption, order, onOrder, classOf }) {
  const [own, setOwn] = useState("");
  const chosen = onOrder ? order ?? "" : own;
  const descending = chosen.startsWith("-");
  const key = chosen.replace(/^-/, "");
  const sorted = useMemo(() => {
    const column = columns.find((each) => each.key === key);
    if (!column) return rows;
    return [...rows].sort((a, b) => compare(column.of(a), column.of(b), descending ? -1 : 1));
  }, [rows, key, descending, columns]);
  const sort = (column) => {
    const first = column.numeric ? `-${column.key}` : column.key;
    const second = column.numeric ? column.key : `-${column.key}`;
    (onOrder ?? setOwn)(chosen === first ? second : chosen === second ? "" : first);
  };
  return (
    <div class="table" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                class={column.numeric ? "number" : ""}
                aria-sort={key !== column.key ? "none" : descending ? "descending" : "ascending"}
              >
                <button type="button" onClick={() => sort(column)}>
                  {column.title}
                  <span aria-hidden="true">{key !== column.key ? "" : descending ? " ↓" : " ↑"}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row, at) => (
            <tr key={idOf?.(row) ?? at} class={[idOf && idOf(row) === selected ? "selected" : "", classOf?.(row) ?? ""].join(" ")}>
              {columns.map((column) => (
                <td key={column.key} class={column.numeric ? "number" : ""}>{(column.show ?? column.of)(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Numbers before texts, texts with their numbers in order (a2 before a10), what is empty last in both directions. */
function compare(a, b, direction) {
  const [noA, noB] = [a, b].map((each) => each === null || each === undefined || each === "");
  if (noA || noB) return noA - noB;
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  if (typeof a === "number" || typeof b === "number") return direction * (typeof a === "number" ? -1 : 1);
  return direction * String(a).localeCompare(String(b), "en", { numeric: true });
}
