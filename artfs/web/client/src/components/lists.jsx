// The end of a list that comes in pages, and lists of names with values.

import { Fragment } from "preact";
import { flat, value } from "../format.js";
import { visible } from "../text.js";

export function More({ list, noun }) {
  if (!list.more) return null;
  return (
    <p class="more">
      <button type="button" disabled={list.loading} onClick={list.more}>{list.loading ? "Reading…" : `More ${noun}`}</button>
    </p>
  );
}

/** Names and values, two columns. Values are shown as they are if they are components. */
export const Facts = ({ pairs }) => (
  <dl class="facts">
    {pairs.filter(([, any]) => any !== null && any !== undefined && any !== "" && any !== false).map(([name, any]) => (
      <Fragment key={name}>
        <dt>{name}</dt>
        <dd>{any}</dd>
      </Fragment>
    ))}
  </dl>
);

/** A JSON object of a user, as text. */
export function Values({ of, empty = "none" }) {
  const pairs = flat(of).map(([name, any]) => [visible(name), value(any) || "null"]);
  return pairs.length ? <Facts pairs={pairs} /> : <p class="muted">{empty}</p>;
}
