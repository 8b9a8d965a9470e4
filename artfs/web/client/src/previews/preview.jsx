// The preview of a file: what kind the server found it to be decides what is shown.

import { api, useDocument } from "../api.js";
import { Command, quoted } from "../components/command.jsx";
import { Name } from "../components/labels.jsx";
import { Loading, Problem } from "../components/states.jsx";
import { size } from "../format.js";
import { choose } from "../router.js";
import { encodePath, visible } from "../text.js";
import { ArrayPreview } from "./array.jsx";
import { HtmlPreview } from "./html.jsx";
import { TablePreview } from "./table.jsx";
import { TensorsPreview } from "./tensors.jsx";
import { TextPreview } from "./text.jsx";

const Image = ({ raw, path }) => <img class="whole" src={raw} alt={visible(path)} />;
const Audio = ({ raw }) => <audio controls src={raw} />;
const Video = ({ raw }) => <video controls src={raw} />;
const Other = ({ preview }) => (
  <>
    <p class="muted">{visible(preview.note ?? preview.format ?? "No preview of this format.")}</p>
    {preview.hex && <pre>{preview.hex}</pre>}
  </>
);

const KINDS = {
  image: Image,
  audio: Audio,
  video: Video,
  html: HtmlPreview,
  text: TextPreview,
  json: TextPreview,
  table: TablePreview,
  tensors: TensorsPreview,
  array: ArrayPreview,
};

export function Preview({ version, path }) {
  const { data, error, again } = useDocument(api("preview", [version.ref], { path }));
  const raw = `${version.raw}/${encodePath(path)}`;
  const Kind = KINDS[data?.kind] ?? Other;
  return (
    <section class="preview" aria-label="Preview">
      <header>
        <h2><Name text={path} /></h2>
        {data && <span>{size(data.size)}</span>}
        {data?.digest && <code title={`digest ${data.digest}`}>{data.digest.slice(0, 12)}</code>}
        <span class="grow" />
        <a class="button" href={raw} download>Download</a>
        <button type="button" class="plain" aria-label="Close the preview" onClick={() => choose({ file: "" })}>✕</button>
      </header>
      {error && <Problem error={error} again={again} />}
      {!data && !error && <Loading>Reading the file…</Loading>}
      {data && <Kind preview={data} raw={raw} path={path} />}
      {data && <p><Command text={`artfs cat ${quoted(`${version.ref}/${path}`)}`} /></p>}
    </section>
  );
}
