// The tensors of two files: those that came, went, or changed their shape or type.

import { plural } from "../format.js";
import { visible } from "../text.js";

const form = (tensor) => (tensor ? `${tensor.dtype} [${tensor.shape.join(" × ")}]` : "");

export function TensorsDiff({ old, now }) {
  const [before, after] = [old, now].map((preview) => new Map(preview.tensors.map((tensor) => [tensor.name, tensor])));
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const changed = names.filter((name) => form(before.get(name)) !== form(after.get(name)));
  return (
    <>
      <p class="muted">{plural(names.length - changed.length, "tensor")} of the same shape and type; their values are not compared.</p>
      {changed.length > 0 && (
        <div class="table" tabIndex={0} role="region" aria-label="Changed tensors">
          <table>
            <thead><tr><th scope="col">Tensor</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
            <tbody>
              {changed.map((name) => (
                <tr key={name}>
                  <td>{visible(name)}</td>
                  <td class="removed">{form(before.get(name))}</td>
                  <td class="added">{form(after.get(name))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
