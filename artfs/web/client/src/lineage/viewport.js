// Which part of a laid-out graph is seen: scale and offset, and which item is under the pointer.

import { COLUMN, NODE_HEIGHT, NODE_WIDTH } from "./layout.js";

const LARGEST = 3;
const SMALLEST = 0.004;
const FITTED = 1.15;
export const READABLE = 0.85;
const MARGIN = 36;

export class Viewport {
  constructor() {
    Object.assign(this, { scale: 1, left: 0, top: 0, width: 1, height: 1, placed: null, columns: new Map() });
  }

  /** Take a new layout; the columns are indexed for `at` and `visible`. */
  setLayout(placed) {
    this.placed = placed;
    this.columns = new Map();
    placed.x.forEach((x, item) => {
      const column = Math.round(x / COLUMN);
      if (!this.columns.has(column)) this.columns.set(column, []);
      this.columns.get(column).push(item);
    });
    for (const items of this.columns.values()) items.sort((a, b) => placed.y[a] - placed.y[b]);
  }

  resize(width, height) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
  }

  /** Show everything; an item in focus stays readable and is centred instead where everything is too much. */
  fit(focus = -1) {
    const { width, height } = this.placed;
    const whole = Math.min(this.width / (width + 2 * MARGIN), this.height / (height + 2 * MARGIN), FITTED);
    if (focus >= 0 && whole < READABLE) {
      this.centre(focus, READABLE);
      return;
    }
    this.scale = Math.max(SMALLEST, whole);
    this.left = (this.width - width * this.scale) / 2;
    this.top = (this.height - height * this.scale) / 2;
  }

  centre(item, scale = this.scale) {
    this.scale = scale;
    this.left = this.width / 2 - (this.placed.x[item] + NODE_WIDTH / 2) * scale;
    this.top = this.height / 2 - this.placed.y[item] * scale;
  }

  /** Move by as little as brings an item into sight. */
  reveal(item) {
    const left = this.left + this.placed.x[item] * this.scale;
    const top = this.top + this.placed.y[item] * this.scale;
    const right = left + NODE_WIDTH * this.scale;
    if (left < MARGIN || right > this.width - MARGIN || top < MARGIN || top > this.height - MARGIN) this.centre(item);
  }

  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
  }

  /** Zoom by a factor around a point, which stays where it is. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(LARGEST, Math.max(SMALLEST, this.scale * factor));
    const by = scale / this.scale;
    this.left = x - (x - this.left) * by;
    this.top = y - (y - this.top) * by;
    this.scale = scale;
  }

  /** The rectangle of the layout that is seen. */
  seen(margin = 0) {
    return {
      left: -this.left / this.scale - margin,
      right: (this.width - this.left) / this.scale + margin,
      top: -this.top / this.scale - margin,
      bottom: (this.height - this.top) / this.scale + margin,
    };
  }

  /** The items that are seen. */
  visible() {
    const { left, right, top, bottom } = this.seen(NODE_HEIGHT);
    const found = [];
    for (const [column, items] of this.columns) {
      if (column * COLUMN + NODE_WIDTH < left || column * COLUMN > right) continue;
      for (let at = this.firstBelow(items, top); at < items.length && this.placed.y[items[at]] <= bottom; at++) {
        found.push(items[at]);
      }
    }
    return found;
  }

  /** The item at a point of the window; -1 if there is none. */
  at(x, y) {
    const [layoutX, layoutY] = [(x - this.left) / this.scale, (y - this.top) / this.scale];
    const column = Math.floor(layoutX / COLUMN);
    const items = this.columns.get(column);
    if (!items || layoutX - column * COLUMN > NODE_WIDTH) return -1;
    const reach = Math.max(NODE_HEIGHT / 2, 3 / this.scale);
    const item = items[this.firstBelow(items, layoutY - reach)];
    return item !== undefined && Math.abs(this.placed.y[item] - layoutY) <= reach ? item : -1;
  }

  /** The item above or below one in its column. */
  beside(item, step) {
    const items = this.columns.get(Math.round(this.placed.x[item] / COLUMN));
    return items[items.indexOf(item) + step] ?? item;
  }

  firstBelow(items, y) {
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.placed.y[items[middle]] < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
