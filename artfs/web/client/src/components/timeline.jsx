// The sizes of versions over their order, with their aliases as flags.

import { size } from "../format.js";
import { href } from "../router.js";
import { visible } from "../text.js";

const WIDTH = 1100;
const HEIGHT = 120;
const TOP = 26;
const WIDEST = 46;

/** Draw the versions that were fetched, oldest first; each bar leads to its version. */
export function Timeline({ versions }) {
  if (versions.length < 2) return null;
  const oldestFirst = [...versions].reverse();
  const largest = Math.max(1, ...oldestFirst.map((version) => version.size ?? 0));
  const step = Math.min(WIDEST, WIDTH / oldestFirst.length);
  return (
    <svg class="timeline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label="Sizes of the versions, oldest first">
      <line x1="0" x2={step * oldestFirst.length} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      {oldestFirst.map((version, at) => {
        const height = version.deleted ? 3 : Math.max(3, ((version.size ?? 0) / largest) * (HEIGHT - TOP));
        const own = version.stored ? height * Math.min(1, version.own / version.stored) : 0;
        const [x, width] = [at * step, Math.max(1, step * 0.8)];
        const label = `${version.version}: ${version.deleted ? "deleted" : size(version.size)}`;
        const bar = (
          <>
            <rect class={version.deleted ? "deleted" : "shared"} x={x} y={HEIGHT - height} width={width} height={height} />
            <rect class="own" x={x} y={HEIGHT - own} width={width} height={own} />
            {version.aliases?.length > 0 && <text aria-hidden="true" x={x} y={HEIGHT - height - 5}>⚑ {step >= 30 ? visible(version.aliases.join(" ")).slice(0, 14) : ""}</text>}
          </>
        );
        return version.deleted ? (
          <g key={version.ref}><title>{label}</title>{bar}</g>
        ) : (
          <a key={version.ref} href={href("version", [version.ref])}><title>{label}</title>{bar}</a>
        );
      })}
    </svg>
  );
}
