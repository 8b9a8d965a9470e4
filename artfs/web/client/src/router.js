// The route in the URL's hash: pages, their names, and what is chosen on them. It works under any proxy's prefix, and names
// stay out of logs.

import { useEffect, useState } from "preact/hooks";
import { decode, encode } from "./text.js";

/** The page, its arguments and its choices: `#/version/data:v3?path=a` is {page: "version", names: ["data:v3"], query}. */
export function parseRoute(hash) {
  const [path, search = ""] = splitOnce(hash.replace(/^#/, ""), "?");
  const [page = "", ...names] = path.split("/").filter(Boolean).map(decode);
  const query = {};
  for (const pair of search.split("&").filter(Boolean)) {
    const [key, text = ""] = splitOnce(pair, "=");
    query[decode(key)] = decode(text.replaceAll("+", "%20"));
  }
  return { page, names, query };
}

/** The URL of a page; choices that are empty are left out. */
export function href(page, names = [], query = {}) {
  const path = [page, ...names].filter(Boolean).map(encode).join("/");
  const pairs = Object.entries(query).filter(([, text]) => text !== "" && text !== null && text !== undefined);
  const search = pairs.map(([key, text]) => `${encode(key)}=${encode(String(text))}`).join("&");
  return `#/${path}${search && `?${search}`}`;
}

/** Change choices of the page that is shown. With `replace` the step is not kept in the browser's history. */
export function choose(changes, { replace = false } = {}) {
  const { page, names, query } = parseRoute(location.hash);
  const next = href(page, names, { ...query, ...changes });
  if (next === location.hash) return;
  if (!replace) {
    location.hash = next;
    return;
  }
  history.replaceState(null, "", next);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute() {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const update = () => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", update);
    return () => removeEventListener("hashchange", update);
  }, []);
  return route;
}

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
