// What colours and shapes mean, for the types that are drawn.

import { count, plural } from "../format.js";
import { visible } from "../text.js";
import { FAILED, typeColour } from "./colours.js";

const MOST_TYPES = 6;

export function Legend({ scene, drawn, total }) {
  const types = [...new Set(scene.items.filter((item) => item.kind === "version").map((item) => item.type))].sort();
  const hasRuns = scene.items.some((item) => item.kind === "run");
  return (
    <div class="legend">
      {types.slice(0, MOST_TYPES).map((type) => (
        <span key={type}><i class="block" style={{ background: typeColour(type) }} />{visible(type)}</span>
      ))}
      {types.length > MOST_TYPES && <span>and {plural(types.length - MOST_TYPES, "more type")}</span>}
      {hasRuns && <span><i class="dot" />run</span>}
      {scene.items.some((item) => item.failed) && <span><i class="dot" style={{ background: FAILED }} />failed</span>}
      <span class="muted">{count(drawn)} in sight, {count(scene.items.length)} here, {count(total)} in all</span>
    </div>
  );
}
