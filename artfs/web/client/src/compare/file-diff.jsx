// What changed in one file: its text by lines, its rows, its tensors, or the two images.

import { api, useDocument } from "../api.js";
import { Name } from "../components/labels.jsx";
import { Loading, Problem } from "../components/states.jsx";
import { size } from "../format.js";
import { Preview } from "../previews/preview.jsx";
import { choose } from "../router.js";
import { ImageDiff } from "./image-diff.jsx";
import { RowsDiff } from "./rows-diff.jsx";
import { TensorsDiff } from "./tensors-diff.jsx";
import { TextDiff } from "./text-diff.jsx";

const KINDS = { text: TextDiff, json: TextDiff, image: ImageDiff, table: RowsDiff, tensors: TensorsDiff };

export function FileDiff({ before, after, path }) {
  const old = useDocument(api("preview", [before.ref], { path }));
  const now = useDocument(api("preview", [after.ref], { path }));
  const error = [old.error, now.error].find((each) => each && each.status !== 404);
  if (error) return <Problem error={error} again={old.again} />;
  if (!(old.data || old.error) || !(now.data || now.error)) return <Loading>Reading both files…</Loading>;
  if (old.error && now.error) return <Problem error={old.error} />;
  if (old.error) return <Preview version={after} path={path} />;
  if (now.error) return <Preview version={before} path={path} />;
  const Kind = old.data.kind === now.data.kind ? KINDS[old.data.kind] : undefined;
  return (
    <section class="preview" aria-label="Changes of the file">
      <header>
        <h2><Name text={path} /></h2>
        <span>{size(old.data.size)} → {size(now.data.size)}</span>
        <span class="grow" />
        <button type="button" class="plain" aria-label="Close the file" onClick={() => choose({ file: "" })}>✕</button>
      </header>
      {Kind ? (
        <Kind old={old.data} now={now.data} before={before} after={after} path={path} />
      ) : (
        <p class="muted">The contents differ; there is no comparison of {old.data.kind === now.data.kind ? "this kind of file" : `a file that was ${old.data.kind} and is ${now.data.kind}`}.</p>
      )}
      {(old.data.cut || now.data.cut) && <p class="muted">Only the beginning of the files was compared.</p>}
    </section>
  );
}
