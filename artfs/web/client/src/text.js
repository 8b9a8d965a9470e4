// Names as text. A name is bytes: what is no UTF-8 is carried as lone surrogates U+DC80 to U+DCFF, as Python's
// surrogateescape does, so that every name has one string and one URL.

const FIRST_RAW = 0xdc00;
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A text in which control, bidirectional, invisible and undecodable characters are shown instead of obeyed. */
export function visible(text) {
  return String(text).replace(HIDDEN, (character) => {
    const code = character.codePointAt(0);
    if (code >= FIRST_RAW + 0x80 && code <= FIRST_RAW + 0xff) return `\\x${(code - FIRST_RAW).toString(16)}`;
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** The string of bytes: UTF-8 where it is, and a lone surrogate for each byte that is not. */
export function fromBytes(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((count) => at + count <= bytes.length && decodes(bytes.subarray(at, at + count)));
    if (length) text += strict.decode(bytes.subarray(at, at + length));
    else text += String.fromCharCode(FIRST_RAW + bytes[at]);
    at += length ?? 1;
  }
  return text;
}

function decodes(bytes) {
  try {
    return strict.decode(bytes).length > 0;
  } catch {
    return false;
  }
}

/** The string under a key of a JSON document, of its exact bytes where the document gives them in base64. */
export function textOf(document, key) {
  const exact = document[`${key}_base64`];
  if (exact === undefined) return document[key];
  return fromBytes(Uint8Array.from(atob(exact), (character) => character.charCodeAt(0)));
}

/** A string as a part of a URL: its bytes, percent-encoded but for what reads well and is safe. */
export function encode(text) {
  let encoded = "";
  for (const character of text) {
    const code = character.codePointAt(0);
    if (code >= FIRST_RAW && code <= FIRST_RAW + 0xff) encoded += `%${(code - FIRST_RAW).toString(16).padStart(2, "0")}`;
    else if (code >= 0xd800 && code <= 0xdfff) encoded += "%EF%BF%BD";
    else encoded += character === ":" ? ":" : encodeURIComponent(character);
  }
  return encoded;
}

/** The string that `encode` made a part of a URL of. */
export function decode(part) {
  if (!part.includes("%")) return part;
  const bytes = [];
  for (let at = 0; at < part.length; at++) {
    const hex = part[at] === "%" ? part.slice(at + 1, at + 3) : "";
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      bytes.push(parseInt(hex, 16));
      at += 2;
    } else {
      const character = String.fromCodePoint(part.codePointAt(at));
      bytes.push(...new TextEncoder().encode(character));
      at += character.length - 1;
    }
  }
  return fromBytes(Uint8Array.from(bytes));
}

/** A path as a part of a URL: its slashes stay. */
export const encodePath = (path) => path.split("/").map(encode).join("/");
