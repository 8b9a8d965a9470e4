// Rows of CSV, parquet and other tables, which columns sort.

import { useMemo } from "preact/hooks";
import { Table } from "../components/table.jsx";
import { count, value } from "../format.js";
import { visible } from "../text.js";

const number = (cell) => (typeof cell === "string" && cell.trim() !== "" && Number.isFinite(Number(cell)) ? Number(cell) : cell);

export const columnName = (column) => (typeof column === "string" ? column : column.name);

export function TablePreview({ preview }) {
  const columns = useMemo(
    () =>
      preview.columns.map((column, at) => {
        const numeric = preview.rows.some((row) => typeof number(row[at]) === "number");
        return {
          key: `c${at}`,
          title: <>{visible(columnName(column))}{column.type && <small> {visible(column.type)}</small>}</>,
          numeric,
          of: (row) => number(row[at]),
          show: (row) => value(row[at]),
        };
      }),
    [preview],
  );
  return (
    <>
      <Table caption="Rows of the file" columns={columns} rows={preview.rows} />
      <p class="muted">
        {preview.cut ? `The first ${count(preview.rows.length)} rows` : `All ${count(preview.rows.length)} rows`}
        {preview.total_rows ? ` of ${count(preview.total_rows)}` : ""}.
      </p>
    </>
  );
}
