// The tensors of a safetensors file, from its header.

import { Table } from "../components/table.jsx";
import { Values } from "../components/lists.jsx";
import { count, size } from "../format.js";
import { visible } from "../text.js";

const elements = (shape) => shape.reduce((product, length) => product * length, 1);

export const COLUMNS = [
  { key: "name", title: "Tensor", of: (row) => row.name, show: (row) => visible(row.name) },
  { key: "dtype", title: "Type", of: (row) => row.dtype, show: (row) => visible(row.dtype) },
  { key: "shape", title: "Shape", numeric: true, of: (row) => elements(row.shape), show: (row) => row.shape.join(" × ") || "scalar" },
  { key: "size", title: "Size", numeric: true, of: (row) => row.size, show: (row) => size(row.size) },
];

export function TensorsPreview({ preview }) {
  const parameters = preview.tensors.reduce((sum, tensor) => sum + elements(tensor.shape), 0);
  return (
    <>
      <p class="muted">{count(preview.total ?? preview.tensors.length)} tensors, {count(parameters)} parameters{preview.cut ? " in those shown" : ""}</p>
      <Values of={preview.metadata} empty="" />
      <Table caption="Tensors" columns={COLUMNS} rows={preview.tensors} />
    </>
  );
}
