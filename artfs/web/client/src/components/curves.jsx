// Curves of what runs logged: an SVG for each value, the curves of several runs over one another.

import { useState } from "preact/hooks";
import { visible } from "../text.js";

const COLOURS = ["#3d7fc4", "#c0703a", "#3f8f4f", "#9160cf", "#d0483a", "#1d8c8c", "#b0508f", "#8d8040"];
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [420, 190, 52, 10, 8, 22];

export const colourOf = (place) => COLOURS[place % COLOURS.length];

/**
 * A chart for each value that any of the runs logged.
 *
 * @param {{histories: {id: string, name: string, curves: {key: string, points: number[][]}[], left_out: number}[]}} props
 */
export function Curves({ histories }) {
  const [axis, setAxis] = useState(0);
  const keys = [...new Set(histories.flatMap((history) => history.curves.map((curve) => curve.key)))];
  if (!keys.length) return <p class="muted">It logged no numbers: <code>run.log({"{"}"loss": 0.5{"}"})</code> does.</p>;
  const left = Math.max(...histories.map((history) => history.left_out));
  return (
    <>
      <p>
        <label class="muted">Over <select aria-label="Over" value={axis} onChange={(event) => setAxis(Number(event.target.value))}>
          <option value={0}>steps</option>
          <option value={1}>seconds</option>
        </select></label>
        {left > 0 && <small> {left} more values are not shown: <code>artfs runs show --history</code> prints them</small>}
      </p>
      {histories.length > 1 && (
        <ul class="legend-runs">
          {histories.map((history, place) => <li key={history.id}><i style={{ background: colourOf(place) }} /> {visible(history.name || history.id)}</li>)}
        </ul>
      )}
      <div class="charts">{keys.map((key) => <Chart key={key} name={key} axis={axis} lines={linesOf(histories, key, axis)} />)}</div>
    </>
  );
}

/** The points of each run's curve over an axis; a run without it has none. */
function linesOf(histories, key, axis) {
  return histories.map((history, place) => ({
    id: history.id,
    name: history.name || history.id,
    colour: colourOf(place),
    points: (history.curves.find((curve) => curve.key === key)?.points ?? []).map((point) => [point[axis], point[2]]),
  }));
}

function Chart({ name, axis, lines }) {
  const [near, setNear] = useState(null);
  const all = lines.flatMap((line) => line.points);
  const x = scale(all.map((point) => point[0]), LEFT, WIDTH - RIGHT);
  const y = scale(all.map((point) => point[1]), HEIGHT - BOTTOM, TOP);
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    setNear(x.back(((event.clientX - box.left) / box.width) * WIDTH));
  };
  const told = near === null ? [] : lines.filter((line) => line.points.length).map((line) => ({ ...line, point: nearest(line.points, near) }));
  const last = lines.filter((line) => line.points.length).map((line) => `${line.name} ${number(line.points.at(-1)[1])}`);
  return (
    <figure class="chart">
      <figcaption>{visible(name)}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${visible(name)}: last ${visible(last.join(", "))}`} onPointerMove={move} onPointerLeave={() => setNear(null)}>
        {y.ticks.map((tick) => (
          <g key={tick}>
            <line class="grid-line" x1={LEFT} x2={WIDTH - RIGHT} y1={y.at(tick)} y2={y.at(tick)} />
            <text x={LEFT - 6} y={y.at(tick) + 4} text-anchor="end">{number(tick)}</text>
          </g>
        ))}
        {x.ticks.map((tick, place) => <text key={tick} x={x.at(tick)} y={HEIGHT - 6} text-anchor={place ? "end" : "start"}>{number(tick)}{axis ? " s" : ""}</text>)}
        {lines.map((line) => line.points.length === 1
          ? <circle key={line.id} cx={x.at(line.points[0][0])} cy={y.at(line.points[0][1])} r="3" fill={line.colour} />
          : <polyline key={line.id} fill="none" stroke={line.colour} stroke-width="1.6" points={line.points.map((point) => `${x.at(point[0]).toFixed(1)},${y.at(point[1]).toFixed(1)}`).join(" ")} />)}
        {told.map((line) => <circle key={line.id} cx={x.at(line.point[0])} cy={y.at(line.point[1])} r="3.5" fill={line.colour} />)}
      </svg>
      <p class="muted told">{told.length ? told.map((line) => `${lines.length > 1 ? `${visible(line.name)} ` : ""}${number(line.point[1])} at ${number(line.point[0])}`).join(" · ") : "\u00a0"}</p>
    </figure>
  );
}

/** A linear scale from the range of numbers to that of pixels, with the ends (and for values the middle) as ticks. */
function scale(numbers, from, to) {
  let [low, high] = [Infinity, -Infinity];
  for (const each of numbers) [low, high] = [Math.min(low, each), Math.max(high, each)];
  const span = high - low || 1;
  const ticks = high === low ? [low] : from > to ? [low, (low + high) / 2, high] : [low, high];
  return { ticks, at: (each) => from + ((each - low) / span) * (to - from), back: (pixel) => low + ((pixel - from) / (to - from)) * span };
}

const nearest = (points, wanted) => points.reduce((best, point) => (Math.abs(point[0] - wanted) < Math.abs(best[0] - wanted) ? point : best));

const number = (any) => String(Number(any.toPrecision(4)));
