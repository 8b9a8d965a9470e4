// Colours of types and states. Known types have theirs; others take one of a palette by their name, so that a type has the
// same colour each time. All stand out from both backgrounds by at least 3 to 1.

const KNOWN = { dataset: "#3d7fc4", model: "#9160cf", report: "#b0761a", split: "#1d8c8c", checkpoint: "#b0508f" };
const PALETTE = ["#3f8f4f", "#b5655a", "#6b7fb8", "#8d8040", "#5b8f9f", "#a86fb0", "#c0703a", "#6f9040"];
const RUN = "#7b858d";
const RUNNING = "#26934f";
export const FAILED = "#d0483a";

export function typeColour(type) {
  let sum = 0;
  for (const character of type ?? "") sum = (sum * 31 + character.charCodeAt(0)) >>> 0;
  return KNOWN[type] ?? PALETTE[sum % PALETTE.length];
}

/** The colour of an item. A stack is only red if all of its runs failed; if some did, `draw` shows their share. */
export function itemColour(item) {
  if (item.kind === "version") return typeColour(item.type);
  if (item.failed === item.members.length) return FAILED;
  return item.running ? RUNNING : RUN;
}
