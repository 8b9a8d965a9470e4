// Drawing of a laid-out graph on a canvas, at three levels of detail: cards with text, coloured blocks, and hairlines. Only
// what is seen is drawn.

import { visible } from "../text.js";
import { FAILED, itemColour } from "./colours.js";
import { NODE_HEIGHT, NODE_WIDTH } from "./layout.js";

const BLOCKS_BELOW = 0.28;
const HAIRLINES_BELOW = 0.12;
const RADIUS = 5;
const MOST_CURVES = 2000;
const EDGES_OF_PATH = 400; // browsers are slow to draw one path of thousands of lines

/** The colours of the page's theme. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ink: colour("ink"), muted: colour("muted"), card: colour("card"), edge: colour("edge"), accent: colour("accent"), onAccent: colour("on-accent") };
}

/**
 * Draw a scene.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {object} scene What `fold` returns.
 * @param {Viewport} view
 * @param {{theme: object, lit: {nodes: Set, edges: Set} | null, selected: number, hovered: number, ratio: number}} look
 * @returns {number} How many items were drawn.
 */
export function draw(context, scene, view, look) {
  const { ratio } = look;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  context.setTransform(view.scale * ratio, 0, 0, view.scale * ratio, view.left * ratio, view.top * ratio);
  drawEdges(context, scene, view, look, false);
  if (look.lit) drawEdges(context, scene, view, look, true);
  const items = view.visible();
  if (view.scale < BLOCKS_BELOW) drawBlocks(context, scene, view, look, items);
  else for (const item of items) drawCard(context, scene.items[item], view.placed.x[item], view.placed.y[item], cardLook(look, item));
  context.globalAlpha = 1;
  return items.length;
}

const cardLook = (look, item) => ({
  theme: look.theme,
  selected: item === look.selected,
  marked: item === look.selected || item === look.hovered,
  dimmed: look.lit !== null && !look.lit.nodes.has(item),
});

function drawEdges(context, scene, view, look, lit) {
  const { placed, scale } = view;
  const hairlines = scale < HAIRLINES_BELOW;
  const seen = edgesInSight(scene, view, look, lit);
  const straight = scale < BLOCKS_BELOW || seen.length > MOST_CURVES;
  context.strokeStyle = lit ? look.theme.accent : hairlines ? look.theme.muted : look.theme.edge;
  context.lineWidth = lit ? 1.8 / scale : hairlines ? 0.4 / scale : 1 / Math.max(scale, 0.35);
  context.globalAlpha = lit || !look.lit ? 1 : 0.4;
  for (let start = 0; start < seen.length; start += EDGES_OF_PATH) {
    context.beginPath();
    for (const number of seen.slice(start, start + EDGES_OF_PATH)) {
      const [from, to] = scene.edges[number];
      const ends = [placed.x[from] + NODE_WIDTH, placed.y[from], placed.x[to], placed.y[to]];
      const bends = placed.bends.get(number);
      if (placed.reversed.has(number)) tracePathBack(context, ...ends);
      else if (straight) tracePolyline(context, ...ends, bends);
      else traceCurve(context, ...ends, bends);
    }
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** The numbers of the edges that can be seen, of those that are lit or of the others. */
function edgesInSight(scene, view, look, lit) {
  const { placed } = view;
  const { left, right, top, bottom } = view.seen(20);
  const seen = [];
  for (let number = 0; number < scene.edges.length; number++) {
    if (look.lit && look.lit.edges.has(number) !== lit) continue;
    const [from, to] = scene.edges[number];
    const [x, endX] = [placed.x[from] + NODE_WIDTH, placed.x[to]];
    if (Math.max(x, endX) < left || Math.min(x, endX) > right) continue;
    const [y, endY] = [placed.y[from], placed.y[to]];
    if (!placed.bends.has(number) && ((y < top && endY < top) || (y > bottom && endY > bottom))) continue;
    seen.push(number);
  }
  return seen;
}

function tracePolyline(context, x, y, endX, endY, bends) {
  context.moveTo(x, y);
  if (bends) for (let at = 0; at < bends.length; at += 2) context.lineTo(bends[at] + NODE_WIDTH / 2, bends[at + 1]);
  context.lineTo(endX, endY);
}

export function traceCurve(context, x, y, endX, endY, bends) {
  context.moveTo(x, y);
  for (let at = 0; bends && at < bends.length; at += 2) {
    const [bendX, bendY] = [bends[at], bends[at + 1]];
    const middle = (x + bendX) / 2;
    context.bezierCurveTo(middle, y, middle, bendY, bendX, bendY);
    context.lineTo(bendX + NODE_WIDTH, bendY);
    [x, y] = [bendX + NODE_WIDTH, bendY];
  }
  const middle = (x + endX) / 2;
  context.bezierCurveTo(middle, y, middle, endY, endX, endY);
}

export function tracePathBack(context, x, y, endX, endY) {
  context.moveTo(x, y + 6);
  context.bezierCurveTo(x + 50, y + 34, endX - 50, endY + 34, endX, endY + 6);
}

/** Far away: a block for each item, one path for each colour; failed runs last, so that they are not hidden. */
function drawBlocks(context, scene, view, look, items) {
  const paths = new Map();
  const height = Math.max(NODE_HEIGHT, 2 / view.scale);
  for (const item of items) {
    const dimmed = look.lit !== null && !look.lit.nodes.has(item);
    const colour = itemColour(scene.items[item]);
    const key = `${dimmed ? 0 : colour === FAILED ? 2 : 1}${colour}`;
    if (!paths.has(key)) paths.set(key, []);
    paths.get(key).push(item);
  }
  for (const key of [...paths.keys()].sort()) {
    context.globalAlpha = key[0] === "0" ? 0.25 : 1;
    context.fillStyle = key.slice(1);
    context.beginPath();
    for (const item of paths.get(key)) context.rect(view.placed.x[item], view.placed.y[item] - height / 2, NODE_WIDTH, height);
    context.fill();
  }
  context.globalAlpha = 1;
  if (look.selected < 0) return;
  const gap = 4 / view.scale;
  const [x, y] = [view.placed.x[look.selected], view.placed.y[look.selected]];
  context.strokeStyle = look.theme.accent;
  context.lineWidth = 3 / view.scale;
  context.strokeRect(x - gap, y - height / 2 - gap, NODE_WIDTH + 2 * gap, height + 2 * gap);
}

/** Near: a card. Versions are rectangles with a coloured edge, runs are rounded with a dot; stacks have cards behind them. */
export function drawCard(context, item, x, middle, { theme, selected, marked, dimmed }) {
  const y = middle - NODE_HEIGHT / 2;
  const isRun = item.kind === "run";
  const colour = itemColour(item);
  const radius = isRun ? NODE_HEIGHT / 2 : RADIUS;
  context.globalAlpha = dimmed ? 0.4 : 1;
  context.textBaseline = "middle";
  context.lineWidth = 1;
  context.strokeStyle = colour;
  context.fillStyle = theme.card;
  if (item.stacked && item.members.length > 1) {
    for (const shift of [6, 3]) box(context, x + shift, y - shift, radius);
  }
  context.strokeStyle = marked ? theme.accent : colour;
  context.lineWidth = selected ? 3 : 1.4;
  if (item.deleted) context.setLineDash([4, 3]);
  box(context, x, y, radius);
  context.setLineDash([]);
  if (isRun) drawStateDot(context, item, x + 16, middle, colour);
  else {
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(x, y, 6, NODE_HEIGHT, [RADIUS, 0, 0, RADIUS]);
    context.fill();
  }
  const textX = x + (isRun ? 28 : 13);
  const room = NODE_WIDTH - (isRun ? 38 : 20);
  context.fillStyle = theme.ink;
  context.font = "600 12px system-ui, sans-serif";
  context.fillText(shortened(context, item.label, room), textX, item.detail ? y + 11.5 : middle);
  if (item.detail) {
    context.fillStyle = theme.muted;
    context.font = "10.5px system-ui, sans-serif";
    context.fillText(shortened(context, item.detail, room), textX, y + 24.5);
  }
  if (item.outside && !dimmed) drawBadge(context, `+${item.outside}`, x + NODE_WIDTH + 4, y, theme);
}

function box(context, x, y, radius) {
  context.beginPath();
  context.roundRect(x, y, NODE_WIDTH, NODE_HEIGHT, radius);
  context.fill();
  context.stroke();
}

/** A dot in the colour of the state; the share of a stack's runs that failed is a red sector of it. */
function drawStateDot(context, item, x, y, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, 5.5, 0, 2 * Math.PI);
  context.fill();
  if (!item.failed || item.failed === item.members.length) return;
  const share = Math.max(0.25, item.failed / item.members.length);
  context.fillStyle = FAILED;
  context.beginPath();
  context.moveTo(x, y);
  context.arc(x, y, 5.5, -Math.PI / 2, (share * 2 - 0.5) * Math.PI);
  context.fill();
}

function drawBadge(context, text, right, y, theme) {
  context.font = "600 10px system-ui, sans-serif";
  const width = context.measureText(text).width + 8;
  context.fillStyle = theme.accent;
  context.beginPath();
  context.roundRect(right - width, y - 7, width, 14, 7);
  context.fill();
  context.fillStyle = theme.onAccent;
  context.fillText(text, right - width + 4, y);
}

const shortTexts = new Map();

/** A text as wide as there is room for. Measuring is slow, so the results are kept. */
export function shortened(context, text, room) {
  const key = `${context.font}${room}${text}`;
  let short = shortTexts.get(key);
  if (short !== undefined) return short;
  short = visible(text);
  if (context.measureText(short).width > room) {
    let [low, high] = [0, short.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(`${short.slice(0, middle)}…`).width <= room) low = middle;
      else high = middle - 1;
    }
    short = `${short.slice(0, low)}…`;
  }
  if (shortTexts.size > 20_000) shortTexts.clear();
  shortTexts.set(key, short);
  return short;
}
