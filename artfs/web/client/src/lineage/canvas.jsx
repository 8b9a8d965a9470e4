// The canvas of a graph: pointer, wheel and keys; what is selected, and the path that is lit.

import { useEffect, useRef } from "preact/hooks";
import { visible } from "../text.js";
import { draw, readTheme } from "./draw.js";
import { path } from "./graph.js";
import { layout } from "./layout.js";
import { Viewport } from "./viewport.js";

const CLICK_REACH = 4;
const KEY_STEP = 60;

/** Draws a scene, and tells what the user does with it. It knows no component. */
export class GraphCanvas {
  constructor(element, { onSelect, onOpen, onDraw }) {
    Object.assign(this, { element, onSelect, onOpen, onDraw, scene: null, selected: -1, hovered: -1, lit: null });
    element.graph = this; // what tests and benchmarks ask
    this.context = element.getContext("2d");
    this.view = new Viewport();
    this.asked = false;
    this.theme = readTheme(element);
    this.drag = null;
    const listeners = {
      pointerdown: this.pressed, pointermove: this.moved, pointerup: this.released, pointerleave: () => this.hover(-1),
      dblclick: this.doubled, wheel: this.wheeled, keydown: this.typed,
    };
    for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name, listener.bind(this), { passive: false });
    this.resizes = new ResizeObserver(() => this.resized());
    this.resizes.observe(element);
    this.themes = new MutationObserver(() => this.rethemed());
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.rethemed = this.rethemed.bind(this);
    this.dark.addEventListener("change", this.rethemed);
    this.resized();
  }

  close() {
    this.resizes.disconnect();
    this.themes.disconnect();
    this.dark.removeEventListener("change", this.rethemed);
  }

  /** Show another scene; where the user looked is kept if the item in focus and the view are the same. */
  show(scene, { keepsView = false, whole = false } = {}) {
    const focus = scene.items.findIndex((item) => item.focused);
    const started = performance.now();
    const placed = layout(scene.items.length, scene.edges);
    this.layoutMs = performance.now() - started;
    this.scene = scene;
    this.view.setLayout(placed);
    this.focus = whole ? -1 : focus;
    if (!keepsView) this.view.fit(this.focus);
    this.select(focus, { silent: true });
  }

  select(item, { silent = false, reveal = false } = {}) {
    this.selected = item;
    this.lit = item < 0 ? null : path(this.scene, item);
    if (reveal && item >= 0) this.view.reveal(item);
    this.ask();
    if (!silent) this.onSelect?.(item);
  }

  fit() {
    this.view.fit(-1);
    this.ask();
  }

  zoom(factor, x, y) {
    this.view.zoom(factor, x, y);
    this.ask();
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  draw() {
    if (!this.scene) return;
    const started = performance.now();
    const { theme, lit, selected, hovered } = this;
    const drawn = draw(this.context, this.scene, this.view, { theme, lit, selected, hovered, ratio: this.ratio });
    this.drawMs = performance.now() - started;
    this.onDraw?.(drawn);
  }

  resized() {
    const { clientWidth, clientHeight } = this.element;
    this.ratio = devicePixelRatio || 1;
    this.element.width = clientWidth * this.ratio;
    this.element.height = clientHeight * this.ratio;
    const first = this.view.width === 1;
    this.view.resize(clientWidth, clientHeight);
    if (first && this.scene) this.view.fit(this.focus);
    this.draw();
  }

  rethemed() {
    this.theme = readTheme(this.element);
    this.ask();
  }

  hover(item) {
    if (item === this.hovered) return;
    this.hovered = item;
    this.element.style.cursor = item >= 0 ? "pointer" : "grab";
    this.element.title = item >= 0 ? visible(this.scene.items[item].label) : "";
    this.ask();
  }

  pressed(event) {
    this.drag = { x: event.clientX, y: event.clientY, far: 0 };
    this.element.setPointerCapture(event.pointerId);
  }

  moved(event) {
    if (!this.drag) {
      this.hover(this.view.at(event.offsetX, event.offsetY));
      return;
    }
    const [dx, dy] = [event.clientX - this.drag.x, event.clientY - this.drag.y];
    this.drag = { x: event.clientX, y: event.clientY, far: this.drag.far + Math.abs(dx) + Math.abs(dy) };
    if (this.drag.far < CLICK_REACH) return;
    this.view.pan(dx, dy);
    this.ask();
  }

  released(event) {
    if (this.drag && this.drag.far < CLICK_REACH) this.select(this.view.at(event.offsetX, event.offsetY));
    this.drag = null;
  }

  doubled(event) {
    const item = this.view.at(event.offsetX, event.offsetY);
    if (item >= 0) this.onOpen?.(item);
  }

  wheeled(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY);
  }

  /** Arrows go along edges and within a column; with nothing selected, or with Shift, they move the view. */
  typed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.scene) return;
    const arrows = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const arrow = arrows[event.key];
    if (arrow && (event.shiftKey || this.selected < 0)) {
      this.view.pan(arrow[0] * KEY_STEP, arrow[1] * KEY_STEP);
      this.ask();
    } else if (arrow) this.step(event.key);
    else if (event.key === "Enter" && this.selected >= 0) this.onOpen?.(this.selected);
    else if (event.key === "Escape") this.select(-1);
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }

  step(key) {
    const { inputs, outputs } = this.scene;
    const { y } = this.view.placed;
    const nearest = (others) =>
      others.map((other) => other.node).sort((a, b) => Math.abs(y[a] - y[this.selected]) - Math.abs(y[b] - y[this.selected]))[0];
    const next = {
      ArrowLeft: () => nearest(inputs[this.selected]),
      ArrowRight: () => nearest(outputs[this.selected]),
      ArrowUp: () => this.view.beside(this.selected, -1),
      ArrowDown: () => this.view.beside(this.selected, 1),
    }[key]();
    if (next !== undefined) this.select(next, { reveal: true });
  }
}

/**
 * The canvas as a component. `canvas.current` is the `GraphCanvas`, for buttons beside it.
 *
 * @param {{scene: object, canvas?: object, keepsView?: boolean, whole?: boolean, label: string, className?: string,
 *     onSelect?: (item: number) => void, onOpen?: (item: number) => void, onDraw?: (items: number) => void,
 *     focusable?: boolean}} props whole: everything is shown, however small the item in focus becomes.
 */
export function Graph({ scene, canvas, keepsView = false, whole = false, label, className, onSelect, onOpen, onDraw, focusable = true }) {
  const element = useRef();
  const own = useRef();
  const callbacks = useRef({});
  callbacks.current = { onSelect, onOpen, onDraw };
  useEffect(() => {
    own.current = new GraphCanvas(element.current, {
      onSelect: (item) => callbacks.current.onSelect?.(item),
      onOpen: (item) => callbacks.current.onOpen?.(item),
      onDraw: (items) => callbacks.current.onDraw?.(items),
    });
    if (canvas) canvas.current = own.current;
    return () => own.current.close();
  }, []);
  useEffect(() => {
    if (scene) own.current.show(scene, { keepsView, whole });
  }, [scene]);
  return <canvas ref={element} class={className} tabIndex={focusable ? 0 : -1} role="application" aria-label={label} />;
}
