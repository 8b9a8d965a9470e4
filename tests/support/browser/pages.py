"""Pages of `artfs ui` on the store of `gallery.py`: what tests and screenshots go through."""

from __future__ import annotations

__all__ = ["DISTINCT", "PAGES"]

PAGES = {
    "artifacts": "#/",
    "artifact": "#/artifact/shapes",
    "version": "#/version/shapes:best?file=labels.csv",
    "images": "#/version/shapes:best?path=square&file=square/0007.png",
    "text": "#/version/shapes:best?file=notes.md",
    "array": "#/version/shapes:best?file=embedding.npy",
    "tensors": "#/version/shapes:best?file=model.safetensors",
    "hostile": "#/version/hostile:v0",
    "compare": "#/compare/shapes:v0/shapes:v2?file=notes.md",
    "compare-images": "#/compare/shapes:v0/shapes:v2?path=square&file=square/0007.png",
    "compare-rows": "#/compare/shapes:v0/shapes:v2?file=labels.csv",
    "pipeline": "#/lineage",
    "lineage": "#/lineage?focus=shapenet:best&up=2&down=2",
    "everything": "#/lineage?view=everything",
    "runs": "#/runs",
    "run": "#/run/train004",
    "history": "#/history",
    "store": "#/store",
    "nothing": "#/version/nobody:v0",
}
"""Routes by the names of their pictures."""

DISTINCT = {
    name: PAGES[name] for name in PAGES if name not in {"text", "array", "images", "compare-images", "everything"}
}
"""Those of them that have something the others have not."""
