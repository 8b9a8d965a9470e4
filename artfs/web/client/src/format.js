// Sizes, counts, times and values as people read them.

import { visible } from "./text.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  let unit = 0;
  while (bytes >= 1024 && unit < UNITS.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${UNITS[unit]}`;
}

export const count = (number) => number.toLocaleString("en");

export const plural = (number, noun, many = `${noun}s`) => `${count(number)} ${number === 1 ? noun : many}`;

/** Milliseconds of a time: of ISO 8601 to the nanosecond, or already a number. */
export const milliseconds = (time) => (typeof time === "number" ? time : Date.parse(`${time.slice(0, 23).replace("Z", "")}Z`));

const AGES = [[90, 1, "s"], [5400, 60, "min"], [129600, 3600, "h"], [Infinity, 86400, "days"]];

export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - milliseconds(time)) / 1000);
  if (seconds < 45) return "just now";
  const [, length, unit] = AGES.find(([limit]) => seconds < limit);
  return `${Math.round(seconds / length)} ${unit} ago`;
}

export function clock(time) {
  const date = new Date(milliseconds(time));
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

/** A JSON value on one line. */
export function value(any) {
  if (any === null || any === undefined) return "";
  if (typeof any === "number") return Number.isInteger(any) ? String(any) : String(+any.toPrecision(6));
  return visible(typeof any === "string" ? any : JSON.stringify(any));
}

/** The pairs of a JSON object with its objects opened: {a: {b: 1}} gives [["a.b", 1]]. */
export function flat(object, prefix = "") {
  return Object.entries(object ?? {}).flatMap(([key, any]) =>
    any && typeof any === "object" && !Array.isArray(any) && Object.keys(any).length
      ? flat(any, `${prefix}${key}.`)
      : [[prefix + key, any]],
  );
}
