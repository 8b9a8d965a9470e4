// A version: the others of its artifact, its files with a preview, and where it came from.

import { api, useDocument, usePages } from "../api.js";
import { Command, quoted } from "../components/command.jsx";
import { Aliases, Name, OwnBar, RunLink, Tags, Time } from "../components/labels.jsx";
import { Facts, More, Values } from "../components/lists.jsx";
import { Loading, Problem } from "../components/states.jsx";
import { Files } from "../components/files.jsx";
import { count, plural, size } from "../format.js";
import { MiniGraph } from "../lineage/mini-graph.jsx";
import { lineageOf } from "../lineage/navigation.js";
import { href } from "../router.js";
import { visible } from "../text.js";
import { versionsOf, withPrevious } from "./artifact.jsx";

const MOST_USES = 12;

export function VersionPage({ names: [ref], query }) {
  const { data, error, again } = useDocument(api("versions", [ref]));
  if (error) return <Problem error={error} again={again} />;
  if (!data) return <Loading />;
  return (
    <div class="columns">
      <Versions artifact={data.artifact} current={data.ref} query={query} />
      <section>
        <Head version={data} />
        <Files version={data} path={query.path ?? ""} file={query.file} />
      </section>
      <Origin version={data} />
    </div>
  );
}

function Head({ version }) {
  return (
    <header>
      <h1><Name text={version.ref} /> <Aliases names={version.aliases} /><Tags names={version.tags} /></h1>
      {version.description && <p>{visible(version.description)}</p>}
      <p class="muted">
        {visible(version.type ?? "")} · {size(version.size)} in {plural(version.entries, "entry", "entries")} · made <Time at={version.created} /> · <code title={`digest ${version.digest}`}>{version.digest.slice(0, 12)}</code>
      </p>
      <div class="commands">
        <Command text={`artfs get ${quoted(version.ref)} DIRECTORY`} />
        <Command text={`run.use_artifact(${JSON.stringify(version.ref)})`} />
        <Command text={`artfs alias add ${quoted(version.ref)} NAME`} />
      </div>
    </header>
  );
}

function Versions({ artifact, current, query }) {
  const list = usePages(versionsOf(artifact), "versions");
  return (
    <aside aria-label="Versions">
      <h2>Versions of <a class="grow" href={href("artifact", [artifact])}><Name text={artifact} /></a></h2>
      {list.error && <p class="failed">{visible(list.error.message)}</p>}
      <ul class="versions">
        {withPrevious(list.rows ?? []).map((version) => (
          <li key={version.ref} class={version.ref === current ? "selected" : version.deleted ? "deleted" : ""}>
            {version.deleted ? (
              <>{version.version} <small>deleted</small></>
            ) : (
              <>
                <a href={href("version", [version.ref], { path: query.path, file: query.file })} aria-current={version.ref === current ? "true" : undefined}>
                  <strong>{version.version}</strong>
                </a>{" "}
                <Aliases names={version.aliases} />
                <small>{size(version.size)} · {plural(version.entries, "entry", "entries")}{version.used_by ? ` · used by ${count(version.used_by)}` : ""}</small>
                <OwnBar own={version.own} stored={version.stored} />
                {version.ref === current && version.previous && (
                  <a href={href("compare", [version.previous, version.ref])}>compare with {version.previous.split(":")[1]}</a>
                )}
              </>
            )}
          </li>
        ))}
      </ul>
      <More list={list} noun="versions" />
    </aside>
  );
}

function Origin({ version }) {
  return (
    <aside aria-label="About this version">
      <h2>Lineage <a class="button" href={lineageOf(version.ref)}>Open</a></h2>
      <MiniGraph id={version.ref} />
      <h2>Made by</h2>
      <Uses uses={version.made_by} empty="no run that was recorded" />
      <h2>Used by <small>{count(version.used_by.length)}</small></h2>
      <Uses uses={version.used_by} empty="no run so far" />
      <h2>Metadata</h2>
      <Values of={version.metadata} />
      <h2>About</h2>
      <Facts
        pairs={[
          ["stored", version.stored === undefined ? null : <OwnBar own={version.own} stored={version.stored} />],
          ["expires", version.expires && <Time at={version.expires} />],
          ["from", version.source && visible(version.source)],
          ["origin", version.origin && visible(`${version.origin.ref} of ${version.origin.store}`)],
          ["digest", <code>{version.digest}</code>],
        ]}
      />
      <p><a href={href("history", [], { ref: version.ref })}>History of this version</a></p>
    </aside>
  );
}

function Uses({ uses, empty }) {
  if (!uses.length) return <p class="muted">{empty}</p>;
  return (
    <>
      <ul class="uses">
        {uses.slice(0, MOST_USES).map((use) => (
          <li key={use.id}><RunLink run={use.id} name={use.name} /> <small>{visible(use.job_type ?? "")}</small></li>
        ))}
      </ul>
      {uses.length > MOST_USES && <p class="muted">and {count(uses.length - MOST_USES)} more</p>}
    </>
  );
}
