// Two images, side by side or one over the other with a border to move.

import { useState } from "preact/hooks";
import { encodePath } from "../text.js";

export function ImageDiff({ before, after, path }) {
  const [swipes, setSwipes] = useState(false);
  const [share, setShare] = useState(50);
  const [old, now] = [before, after].map((version) => `${version.raw}/${encodePath(path)}`);
  return (
    <>
      <p class="segments" role="group" aria-label="How to compare">
        <button type="button" aria-pressed={!swipes} onClick={() => setSwipes(false)}>Side by side</button>
        <button type="button" aria-pressed={swipes} onClick={() => setSwipes(true)}>Swipe</button>
      </p>
      {swipes ? (
        <div class="swipe">
          <img src={now} alt={`in ${after.ref}`} />
          <img class="above" src={old} alt={`in ${before.ref}`} style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }} />
          <input class="swipe-range" type="range" min="0" max="100" value={share} aria-label={`How much of ${before.ref} is seen`} onInput={(event) => setShare(Number(event.target.value))} />
        </div>
      ) : (
        <div class="pair">
          <figure><figcaption>{before.ref}</figcaption><img src={old} alt={`in ${before.ref}`} /></figure>
          <figure><figcaption>{after.ref}</figcaption><img src={now} alt={`in ${after.ref}`} /></figure>
        </div>
      )}
    </>
  );
}
