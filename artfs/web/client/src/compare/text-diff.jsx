// Two texts, by lines.

import { useMemo } from "preact/hooks";
import { plural } from "../format.js";
import { readable } from "../previews/text.jsx";
import { diffSequences, withContext } from "./sequence-diff.js";

const SIGNS = { same: " ", added: "+", removed: "−" };

export function TextDiff({ old, now }) {
  const [oldLines, nowLines] = useMemo(() => [old, now].map((preview) => readable(preview).split("\n")), [old, now]);
  const lines = useMemo(() => withContext(diffSequences(oldLines, nowLines)), [oldLines, nowLines]);
  if (lines.every((line) => line.kind === "gap")) return <p class="muted">The text is the same, as far as it was read.</p>;
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Changed lines">
      <table class="diff">
        <tbody>
          {lines.map((line, at) =>
            line.kind === "gap" ? (
              <tr key={at} class="gap"><td colSpan={4}>{plural(line.count, "line")} the same</td></tr>
            ) : (
              <tr key={at} class={line.kind}>
                <td class="line">{line.old === undefined ? "" : line.old + 1}</td>
                <td class="line">{line.now === undefined ? "" : line.now + 1}</td>
                <td class="line">{SIGNS[line.kind]}</td>
                <td>{line.now === undefined ? oldLines[line.old] : nowLines[line.now]}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}
