// Lays out a shape, and prints how many milliseconds it took: what `scripts/bench` calls.

import { layout } from "../src/lineage/layout.js";
import { SHAPES } from "./shapes.js";

const [count, edges] = SHAPES[process.argv[2]];
const started = performance.now();
layout(count, edges);
console.log(performance.now() - started);
