import assert from "node:assert/strict";
import test from "node:test";
import { ago, duration, flat, milliseconds, size, value } from "../src/format.js";
import { href, parseRoute } from "../src/router.js";
import { decode, encode, encodePath, textOf, visible } from "../src/text.js";

const BAD = "caf\udce9"; // the bytes `caf\xe9`, which are not UTF-8

test("control, bidirectional and invisible characters are shown", () => {
  assert.equal(visible("a\u202egnp.exe\n\t\u0000\u200b\ufeff\u2066"), "a\\u202egnp.exe\\n\\t\\u0000\\u200b\\ufeff\\u2066");
  assert.equal(visible("<b>häßlich 漢字 🎲</b>"), "<b>häßlich 漢字 🎲</b>");
});

test("bytes that are not UTF-8 are shown in hex", () => {
  assert.equal(visible(textOf({ path: "caf\ufffd", path_base64: btoa("caf\xe9") }, "path")), "caf\\xe9");
  assert.equal(textOf({ path: "plain" }, "path"), "plain");
});

test("every name has one URL and comes back from it", () => {
  for (const name of ["plain", "a b+c&d=e?f#g%", "ä/漢字/🎲", BAD, "\u202e\n", "%zz", "100%25"]) {
    assert.equal(decode(encode(name)), name);
    assert.deepEqual(parseRoute(href("version", [name], { file: name })), {
      page: "version", names: [name], query: { file: name },
    });
  }
  assert.equal(encode(BAD), "caf%e9");
  assert.equal(encode("data:v3"), "data:v3");
  assert.equal(encodePath("a b/c"), "a%20b/c");
});

test("a route leaves out what is not chosen", () => {
  assert.equal(href("runs", [], { state: "", job: undefined, sort: "lr" }), "#/runs?sort=lr");
  assert.deepEqual(parseRoute(""), { page: "", names: [], query: {} });
  assert.deepEqual(parseRoute("#/?q=a=b"), { page: "", names: [], query: { q: "a=b" } });
});

test("sizes, times and values read well", () => {
  assert.deepEqual([0, 1023, 1024, 10 * 1024, 1 << 30].map(size), ["0 B", "1023 B", "1.0 KiB", "10.0 KiB", "1.0 GiB"]);
  assert.equal(milliseconds("2026-01-02T03:04:05.678901234Z"), Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  assert.equal(ago(0, 3 * 86_400_000), "3 days ago");
  assert.deepEqual([1500, 61_000, 7_260_000].map(duration), ["1.5 s", "1 min 1 s", "2 h 1 min"]);
  assert.deepEqual([0.1 + 0.2, null, "a\u202e", [1, { b: 2 }]].map(value), ["0.3", "", "a\\u202e", '[1,{"b":2}]']);
  assert.deepEqual(flat({ a: { b: 1, c: {} }, d: [1] }), [["a.b", 1], ["a.c", {}], ["d", [1]]]);
});
