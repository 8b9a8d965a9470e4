// Two JSON objects side by side: the values that differ, and how many are the same.

import { flat, plural, value } from "../format.js";
import { visible } from "../text.js";

export function ValuesDiff({ title, heads, before, after }) {
  const [old, now] = [new Map(flat(before)), new Map(flat(after))];
  const keys = [...new Set([...old.keys(), ...now.keys()])];
  const text = (map, key) => (map.has(key) ? value(map.get(key)) || JSON.stringify(map.get(key)) : "");
  const differ = keys.filter((key) => text(old, key) !== text(now, key));
  if (!keys.length) return null;
  return (
    <section>
      <h2>{title} <small>{differ.length ? `${plural(keys.length - differ.length, "value")} the same` : "the same"}</small></h2>
      {differ.length > 0 && (
        <div class="table">
          <table>
            <thead><tr><th scope="col">Key</th><th scope="col">{heads[0]}</th><th scope="col">{heads[1]}</th></tr></thead>
            <tbody>
              {differ.map((key) => (
                <tr key={key}>
                  <td>{visible(key)}</td>
                  <td class="removed">{text(old, key)}</td>
                  <td class="added">{text(now, key)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
