// What changed between two versions: by folder, with the contents of the file that is looked at, and what the runs differ in.

import { api, useDocument, usePages } from "../api.js";
import { Command, quoted } from "../components/command.jsx";
import { Name, RunLink, VersionLink } from "../components/labels.jsx";
import { Loading, Problem } from "../components/states.jsx";
import { Changes } from "../compare/changes.jsx";
import { FileDiff } from "../compare/file-diff.jsx";
import { ValuesDiff } from "../compare/values-diff.jsx";
import { size } from "../format.js";
import { href } from "../router.js";
import { visible } from "../text.js";

export function ComparePage({ names: [old, now], query }) {
  const list = usePages((cursor) => api("diff", [old, now], { path: query.path, after: cursor }), "changes");
  const before = useDocument(api("versions", [old]));
  const after = useDocument(api("versions", [now]));
  const error = before.error ?? after.error ?? list.error;
  if (error) return <Problem error={error} again={list.again} />;
  if (!before.data || !after.data) return <Loading />;
  return (
    <div class="page wide">
      <h1>
        <VersionLink name={before.data.ref} /> → <VersionLink name={after.data.ref} />{" "}
        <a class="button" href={href("compare", [now, old])}>Other way round</a>
      </h1>
      <Summary of={list.first?.summary} />
      <div class="commands"><Command text={`artfs diff ${quoted(before.data.ref)} ${quoted(after.data.ref)}`} /></div>
      <div class={query.file ? "files split" : "files"}>
        {list.rows ? <Changes list={list} path={query.path ?? ""} file={query.file} /> : <Loading>Comparing…</Loading>}
        {query.file && <FileDiff key={query.file} before={before.data} after={after.data} path={query.file} />}
      </div>
      <Described before={before.data} after={after.data} />
    </div>
  );
}

function Summary({ of }) {
  if (!of) return null;
  if (!of.added && !of.removed && !of.modified) return <p>The contents are the same.</p>;
  return (
    <p class="counts">
      <span class="added">{of.added} added</span>
      <span>{of.modified} modified</span>
      <span class="removed">{of.removed} removed</span>
      {of.bytes_added !== undefined && <span class="muted">+{size(of.bytes_added)} −{size(of.bytes_removed)}</span>}
    </p>
  );
}

/** What is said about the versions, and the config and summary of the runs that made them. */
function Described({ before, after }) {
  const [oldRun, newRun] = [before.made_by[0], after.made_by[0]];
  const [oldUse, newUse] = [useDocument(oldRun ? api("runs", [oldRun.id]) : null), useDocument(newRun ? api("runs", [newRun.id]) : null)];
  const heads = [before.ref, after.ref];
  const about = ({ description, tags, aliases }) => ({
    ...(description && { description }),
    ...(tags.length > 0 && { tags: tags.join(", ") }),
    ...(aliases.length > 0 && { aliases: aliases.join(", ") }),
  });
  return (
    <>
      <ValuesDiff title="Description" heads={heads} before={about(before)} after={about(after)} />
      <ValuesDiff title="Metadata" heads={heads} before={before.metadata} after={after.metadata} />
      {(oldRun || newRun) && (
        <>
          <h2>Made by</h2>
          <p>{[oldRun, newRun].map((run, at) => <span key={at}>{at > 0 && " → "}{run ? <RunLink run={run.id} name={run.name} /> : "no run"} <small>{visible(run?.job_type ?? "")}</small></span>)}</p>
          <ValuesDiff title="Config of the runs" heads={heads} before={oldUse.data?.config} after={newUse.data?.config} />
          <ValuesDiff title="Summary of the runs" heads={heads} before={oldUse.data?.summary} after={newUse.data?.summary} />
        </>
      )}
    </>
  );
}
