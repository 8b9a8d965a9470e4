// Text, from its beginning. JSON is set out where all of it was read.

import { size } from "../format.js";

// Bidirectional controls would show code in another order than it has: https://trojansource.codes
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;

/** The text of a preview as it is shown. */
export function readable(preview) {
  const shown = (text) => text.replace(BIDI, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
  if (preview.kind !== "json" || preview.cut) return shown(preview.text);
  try {
    return shown(JSON.stringify(JSON.parse(preview.text), null, 2));
  } catch {
    return shown(preview.text);
  }
}

export const TextPreview = ({ preview }) => (
  <>
    <pre tabIndex={0}>{readable(preview)}</pre>
    {preview.cut && <p class="muted">The beginning of {size(preview.size)}.</p>}
  </>
);
