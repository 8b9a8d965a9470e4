// An array of numbers: its shape, and the first values as a line.

import { count, value } from "../format.js";
import { visible } from "../text.js";

const [WIDTH, HEIGHT] = [560, 140];

export function ArrayPreview({ preview }) {
  const values = (preview.values ?? []).filter((number) => typeof number === "number");
  return (
    <>
      <p class="muted">{visible(preview.dtype)} [{preview.shape.join(" × ")}]</p>
      {values.length > 1 ? <Plot values={values} /> : values.length === 1 ? <p>{value(values[0])}</p> : <p class="muted">Its values are not drawn.</p>}
    </>
  );
}

export function Plot({ values }) {
  const least = Math.min(...values);
  const most = Math.max(...values);
  const x = (at) => ((at * WIDTH) / (values.length - 1)).toFixed(1);
  const y = (number) => (HEIGHT - 4 - ((number - least) / (most - least || 1)) * (HEIGHT - 8)).toFixed(1);
  const path = values.map((number, at) => `${at ? "L" : "M"}${x(at)} ${y(number)}`).join("");
  return (
    <figure>
      <svg class="plot" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`The first ${values.length} values`}>
        <path d={path} />
      </svg>
      <figcaption class="muted">the first {count(values.length)} values, from {value(least)} to {value(most)}</figcaption>
    </figure>
  );
}
