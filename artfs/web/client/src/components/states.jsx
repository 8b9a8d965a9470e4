// What a page shows before its document is there, when it does not come, and when there is nothing in it.

import { Command } from "./command.jsx";
import { visible } from "../text.js";

export const Loading = ({ children = "Reading the store…" }) => (
  <p class="loading" role="status">{children}</p>
);

export function Problem({ error, again }) {
  const title = { 0: "No answer", 401: "The token is missing or old", 404: "There is no such thing here" }[error.status];
  return (
    <div class="problem" role="alert">
      <h2>{title ?? "This could not be read"}</h2>
      <p>{visible(error.message)}</p>
      {error.status === 404 && <p class="muted">It may have been deleted while you looked at it. <a href="#/">See all artifacts</a></p>}
      {again && <button type="button" onClick={again}>Try again</button>}
    </div>
  );
}

export const Empty = ({ title, command, children }) => (
  <div class="empty">
    <h2>{title}</h2>
    {children && <p>{children}</p>}
    {command && <Command text={command} />}
  </div>
);

/** The contents of a document when it is there, else how far it is. Old contents stay while they are fetched again. */
export function Await({ answer, children }) {
  if (answer.error) return <Problem error={answer.error} again={answer.again} />;
  if (answer.data === undefined) return <Loading />;
  return children(answer.data);
}
