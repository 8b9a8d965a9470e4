// A drawn graph as a file: SVG of everything, PNG of everything.

import { visible } from "../text.js";
import { FAILED, itemColour } from "./colours.js";
import { drawCard, shortened, tracePathBack, traceCurve } from "./draw.js";
import { NODE_HEIGHT, NODE_WIDTH } from "./layout.js";

const MARGIN = 20;
const MOST_PIXELS = 16_000_000;
const LONGEST_SIDE = 16_000;

/** Let the browser save a file. */
export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const escaped = (text) =>
  visible(text).replace(/[&<>"]/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character]);

/** Collects the path commands of a canvas as SVG's. */
class SvgPath {
  commands = [];
  moveTo(x, y) { this.commands.push(`M${round(x)} ${round(y)}`); }
  lineTo(x, y) { this.commands.push(`L${round(x)} ${round(y)}`); }
  bezierCurveTo(...points) { this.commands.push(`C${points.map(round).join(" ")}`); }
}

const round = (number) => Math.round(number * 10) / 10;

/** A graph as SVG, in the colours of the theme. */
export function toSvg(scene, placed, theme) {
  const measure = document.createElement("canvas").getContext("2d");
  const edges = new SvgPath();
  traceEdges(edges, scene, placed);
  const cards = scene.items.map((item, at) => svgCard(measure, item, placed.x[at], placed.y[at], theme));
  const [width, height] = [placed.width + 2 * MARGIN, placed.height + 2 * MARGIN];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-MARGIN} ${-MARGIN} ${round(width)} ${round(height)}" width="${round(width)}" height="${round(height)}" font-family="system-ui, sans-serif">`,
    `<path d="${edges.commands.join("")}" fill="none" stroke="${theme.edge}"/>`,
    ...cards,
    "</svg>",
  ].join("\n");
}

function svgCard(measure, item, x, middle, theme) {
  const isRun = item.kind === "run";
  const y = middle - NODE_HEIGHT / 2;
  const colour = itemColour(item);
  const room = NODE_WIDTH - (isRun ? 38 : 20);
  const textX = x + (isRun ? 28 : 13);
  const shape = (shift) =>
    `<rect x="${round(x + shift)}" y="${round(y - shift)}" width="${NODE_WIDTH}" height="${NODE_HEIGHT}" rx="${isRun ? NODE_HEIGHT / 2 : 5}" fill="${theme.card}" stroke="${colour}"/>`;
  measure.font = "600 12px system-ui, sans-serif";
  const label = shortened(measure, item.label, room);
  measure.font = "10.5px system-ui, sans-serif";
  const detail = shortened(measure, item.detail, room);
  const mark = isRun
    ? `<circle cx="${round(x + 16)}" cy="${round(middle)}" r="5.5" fill="${item.failed ? FAILED : colour}"/>`
    : `<rect x="${round(x)}" y="${round(y)}" width="6" height="${NODE_HEIGHT}" rx="2" fill="${colour}"/>`;
  return [
    `<g><title>${escaped(item.label)}</title>`,
    item.stacked && item.members.length > 1 ? shape(6) + shape(3) : "",
    shape(0),
    mark,
    `<text x="${round(textX)}" y="${round(detail ? y + 15.5 : middle + 4)}" font-size="12" font-weight="600" fill="${theme.ink}">${escaped(label)}</text>`,
    detail ? `<text x="${round(textX)}" y="${round(y + 28)}" font-size="10.5" fill="${theme.muted}">${escaped(detail)}</text>` : "",
    "</g>",
  ].join("");
}

function traceEdges(target, scene, placed) {
  scene.edges.forEach(([from, to], number) => {
    const ends = [placed.x[from] + NODE_WIDTH, placed.y[from], placed.x[to], placed.y[to]];
    if (placed.reversed.has(number)) tracePathBack(target, ...ends);
    else traceCurve(target, ...ends, placed.bends.get(number));
  });
}

/** A graph as PNG: twice as large as on the page, or as large as browsers can make it. */
export function toPng(scene, placed, theme) {
  const [width, height] = [placed.width + 2 * MARGIN, placed.height + 2 * MARGIN];
  const scale = Math.min(2, Math.sqrt(MOST_PIXELS / (width * height)), LONGEST_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, width * scale);
  canvas.height = Math.max(1, height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = theme.card;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, MARGIN * scale, MARGIN * scale);
  context.strokeStyle = theme.edge;
  context.beginPath();
  traceEdges(context, scene, placed);
  context.stroke();
  const look = { theme, selected: false, marked: false, dimmed: false };
  scene.items.forEach((item, at) => drawCard(context, item, placed.x[at], placed.y[at], look));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
