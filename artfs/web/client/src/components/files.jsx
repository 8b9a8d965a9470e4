// The files of a directory of a version, as a table or as a grid of images, beside the preview of one of them.

import { useRef } from "preact/hooks";
import { api, usePages } from "../api.js";
import { plural, size } from "../format.js";
import { Preview } from "../previews/preview.jsx";
import { choose, href } from "../router.js";
import { encodePath, textOf, visible } from "../text.js";
import { Name, Time } from "./labels.jsx";
import { More } from "./lists.jsx";
import { Loading, Problem } from "./states.jsx";
import { Table } from "./table.jsx";

const IMAGE = /\.(png|jpe?g|gif|webp|avif|bmp)$/i;
const GRID_FROM = 3;

export function Files({ version, path, file }) {
  const list = usePages((cursor) => api("files", [version.ref], { path, after: cursor, limit: 300 }), "entries");
  return (
    <>
      <Crumbs version={version} path={path} />
      {list.error && <Problem error={list.error} again={list.again} />}
      {!list.rows && !list.error && <Loading />}
      {list.rows && (
        <div class={file ? "files split" : "files"}>
          <div>
            <Listing version={version} list={list} path={path} file={file} />
            <More list={list} noun="entries" />
          </div>
          {file && <Preview key={version.ref + file} version={version} path={file} />}
        </div>
      )}
    </>
  );
}

function Crumbs({ version, path }) {
  const parts = path ? path.split("/") : [];
  const to = (count) => href("version", [version.ref], { path: parts.slice(0, count).join("/") });
  return (
    <nav class="crumbs" aria-label="Directory">
      <a href={to(0)}><Name text={version.ref} /></a>
      {parts.map((part, at) => <span key={at}> / <a href={to(at + 1)}><Name text={part} /></a></span>)}
    </nav>
  );
}

function Listing({ version, list, path, file }) {
  const rows = list.rows.map((entry) => ({ ...entry, full: textOf(entry, "path") }));
  if (!rows.length) return <p class="muted">This directory is empty.</p>;
  const images = rows.filter((entry) => entry.kind === "file" && IMAGE.test(entry.full));
  if (images.length >= GRID_FROM && images.length === rows.length) return <ImageGrid version={version} images={images} path={path} file={file} />;
  const link = (entry) => linkOf(version, entry, path);
  const columns = [
    { key: "name", title: "Name", of: (entry) => nameOf(entry), show: (entry) => <EntryName entry={entry} link={link(entry)} selected={entry.full === file} /> },
    { key: "size", title: "Size", numeric: true, of: (entry) => entry.size, show: (entry) => (entry.kind === "symlink" ? "" : size(entry.size)) },
    { key: "modified", title: "Modified", numeric: true, of: (entry) => entry.mtime, show: (entry) => <Time at={entry.mtime} /> },
  ];
  return <Table caption={`Entries of ${visible(path || version.ref)}`} columns={columns} rows={rows} idOf={(entry) => entry.full} selected={file} />;
}

const nameOf = (entry) => entry.full.slice(entry.full.lastIndexOf("/") + 1);

function linkOf(version, entry, path) {
  if (entry.kind === "directory") return href("version", [version.ref], { path: entry.full });
  return href("version", [version.ref], { path, file: entry.full });
}

function EntryName({ entry, link, selected }) {
  return (
    <>
      <a href={link} aria-current={selected ? "true" : undefined}><Name text={nameOf(entry)} />{entry.kind === "directory" && "/"}</a>{" "}
      {entry.kind === "directory" && <small>{plural(entry.entries, "entry", "entries")}</small>}
      {entry.kind === "symlink" && <small>→ {visible(textOf(entry, "target") ?? "")}</small>}
      {entry.kind === "reference" && <small>reference</small>}
    </>
  );
}

/** Images of a directory. Arrow keys go from one to the next, and show it. */
function ImageGrid({ version, images, path, file }) {
  const grid = useRef();
  const walk = (event) => {
    const links = [...grid.current.children];
    const at = links.indexOf(document.activeElement.closest("a"));
    const next = links[at + stepOf(event.key, links)];
    if (at < 0 || !next || next === links[at]) return;
    event.preventDefault();
    next.focus();
    choose({ file: images[links.indexOf(next)].full }, { replace: Boolean(file) });
  };
  return (
    <div class="grid" ref={grid} role="group" aria-label="Images" onKeyDown={walk}>
      {images.map((image) => (
        <a key={image.full} href={linkOf(version, image, path)} aria-current={image.full === file ? "true" : undefined} title={visible(image.full)}>
          <img loading="lazy" src={`${version.raw}/${encodePath(image.full)}`} alt="" />
          <Name text={nameOf(image)} />
        </a>
      ))}
    </div>
  );
}

/** How many places an arrow key goes on: up and down by as many as stand in a row. */
function stepOf(key, links) {
  const inRow = Math.max(1, links.findIndex((link) => link.offsetTop !== links[0].offsetTop));
  return { ArrowRight: 1, ArrowLeft: -1, ArrowDown: inRow, ArrowUp: -inRow }[key] ?? 0;
}
