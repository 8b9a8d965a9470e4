// Where a node of the graph leads.

import { choose, href } from "../router.js";

/** Go to the neighbourhood of a node, as a step of the browser's history. */
export const centre = (node) => choose({ focus: node.id, view: "" });

export const pageOf = (node) => href(node.kind === "run" ? "run" : "version", [node.id]);

export const lineageOf = (id) => href("lineage", [], { focus: id });
