// Small things that are shown everywhere: names, aliases, times, states.

import { ago, clock, size } from "../format.js";
import { href } from "../router.js";
import { visible } from "../text.js";

/** A name of whatever kind, as text. */
export const Name = ({ text }) => <bdi class="name">{visible(text)}</bdi>;

export const Chip = ({ kind = "", children, title }) => <span class={`chip ${kind}`} title={title}>{children}</span>;

export const Aliases = ({ names = [] }) => names.map((name) => <Chip key={name} kind="alias">{visible(name)}</Chip>);

export const Tags = ({ names = [] }) => names.map((name) => <Chip key={name} kind="tag">{visible(name)}</Chip>);

export const Time = ({ at }) => (at ? <time dateTime={typeof at === "string" ? at : undefined} title={clock(at)}>{ago(at)}</time> : null);

const STATES = { finished: "✓", running: "●", failed: "✗", crashed: "✗", killed: "✗" };
/** A run's state: a sign and a word, so that its colour is not needed to read it. */
export const State = ({ name }) => (
  <span class={`state ${name}`}><span aria-hidden="true">{STATES[name] ?? "○"}</span> {name}</span>
);

export const VersionLink = ({ name }) => <a href={href("version", [name])}><Name text={name} /></a>;

export const RunLink = ({ run, name }) => <a href={href("run", [run])}><Name text={name || run} /></a>;

/** How much of what a version stores is its own: the rest is shared with other versions. */
export function OwnBar({ own, stored }) {
  if (own === undefined || own === null || !stored) return null;
  const share = Math.min(100, (100 * own) / stored);
  const text = `${size(own)} its own of ${size(stored)} stored`;
  return (
    <span class="own" title={text}>
      <span class="bar" aria-hidden="true"><span style={{ width: `${share}%` }} /></span>
      <small>{text}</small>
    </span>
  );
}
