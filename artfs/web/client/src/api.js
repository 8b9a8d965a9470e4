// Documents of the server's API, and hooks that keep them current: when the store changes, what is shown is fetched again.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { token } from "./token.js";
import { encode } from "./text.js";

const POLL_MS = 1500;
const KEPT_ANSWERS = 40;

/** An answer that is no document: its status (0: none came), and the server's line that says what to do. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The URL of a document: `api("diff", [a, b], {at})`. It is relative, so it works under any prefix. */
export function api(route, names = [], query = {}) {
  const pairs = Object.entries(query).filter(([, text]) => text !== "" && text !== null && text !== undefined);
  const search = pairs.map(([key, text]) => `${key}=${encode(String(text))}`).join("&");
  return `api/${[route, ...names.map(encode)].join("/")}${search && `?${search}`}`;
}

/** Fetch a text. */
export async function getText(url) {
  let response;
  try {
    response = await fetch(url, { headers: { "X-Artfs-Token": token() } });
  } catch {
    throw new ApiError(0, "the server does not answer: is `artfs ui` still running?");
  }
  const text = await response.text();
  if (response.ok) return text;
  throw new ApiError(response.status, messageOf(text) || `status ${response.status}`);
}

/** Fetch a document. */
export const get = async (url) => JSON.parse(await getText(url));

/** What an error says: its document's message, or the line of a refusal. */
function messageOf(text) {
  try {
    return JSON.parse(text).message;
  } catch {
    return text.trim();
  }
}

// ---- the store's changes ----------------------------------------------------------------------------------------------

const watchers = new Set();
let state = { seq: null, lost: null };

function announce(next) {
  if (next.seq === state.seq && next.lost?.message === state.lost?.message) return;
  state = next;
  for (const watcher of watchers) watcher(state);
}

async function poll() {
  if (document.visibilityState === "visible") {
    try {
      announce({ seq: (await get("api/state")).seq, lost: null });
    } catch (lost) {
      announce({ seq: state.seq, lost });
    }
  }
  setTimeout(poll, POLL_MS);
}

export function watchStore() {
  poll();
  document.addEventListener("visibilitychange", async () => {
    if (document.visibilityState !== "visible") return;
    const { seq } = await get("api/state").catch(() => state);
    announce({ seq, lost: state.lost });
  });
}

/** The number of the journal's last record, and why the server cannot be asked, if it cannot. */
export function useStoreState() {
  const [current, set] = useState(state);
  useEffect(() => {
    watchers.add(set);
    set(state);
    return () => watchers.delete(set);
  }, []);
  return current;
}

// ---- documents in components ------------------------------------------------------------------------------------------

const answers = new Map(); // for back and forward: what was shown last is there at once, and fetched again behind it

function keep(url, data) {
  answers.delete(url);
  answers.set(url, data);
  if (answers.size > KEPT_ANSWERS) answers.delete(answers.keys().next().value);
}

/**
 * A document as {data, error, again}. While it is fetched the first time, data and error are undefined.
 *
 * @param {string | null} url What to fetch; nothing if it is null.
 * @param {{fixed?: boolean}} options fixed: the document does not change with the store.
 */
export function useDocument(url, { fixed = false } = {}) {
  const { seq } = useStoreState();
  const [tries, setTries] = useState(0);
  const [answer, setAnswer] = useState({});
  const revision = fixed ? 0 : seq;
  useEffect(() => {
    if (!url) return undefined;
    let wanted = true;
    get(url).then(
      (data) => {
        keep(url, data);
        if (wanted) setAnswer({ url, data });
      },
      (error) => {
        answers.delete(url);
        if (wanted) setAnswer({ url, error });
      },
    );
    return () => (wanted = false);
  }, [url, revision, tries]);
  const again = useCallback(() => setTries((count) => count + 1), []);
  if (answer.url === url) return { ...answer, again };
  return { data: answers.get(url), again };
}

/**
 * A list that comes in pages, as {rows, first, error, more, loading, again}.
 *
 * When the store changes, as many pages as were there are fetched again.
 *
 * @param {(cursor: string | undefined) => string} urlOf The URL of the page after a cursor.
 * @param {string} key The name of the rows in the document.
 */
export function usePages(urlOf, key) {
  const first = urlOf(undefined);
  const { seq } = useStoreState();
  const [tries, setTries] = useState(0);
  const [list, setList] = useState({});
  const [loading, setLoading] = useState(false);
  const shown = useRef({ first: null, pages: 1 });
  const current = list.url === first;
  useEffect(() => {
    if (shown.current.first !== first) shown.current = { first, pages: 1 };
    let wanted = true;
    fetchPages(urlOf, key, shown.current.pages).then(
      (pages) => wanted && setList({ url: first, ...pages }),
      (error) => wanted && setList({ url: first, error }),
    );
    return () => (wanted = false);
  }, [first, seq, tries]);
  const more = async () => {
    setLoading(true);
    try {
      const page = await get(urlOf(list.next));
      shown.current.pages++;
      setList((old) => (old.url === first ? { ...old, rows: [...old.rows, ...page[key]], next: page.next } : old));
    } catch (error) {
      setList((old) => (old.url === first ? { ...old, error } : old));
    } finally {
      setLoading(false);
    }
  };
  const again = () => setTries((count) => count + 1);
  if (!current) return { again };
  return { rows: list.rows, first: list.first, error: list.error, more: list.next ? more : null, loading, again };
}

async function fetchPages(urlOf, key, count) {
  const first = await get(urlOf(undefined));
  const rows = [...first[key]];
  let { next } = first;
  for (let page = 1; page < count && next; page++) {
    const document = await get(urlOf(next));
    rows.push(...document[key]);
    next = document.next;
  }
  return { first, rows, next };
}
