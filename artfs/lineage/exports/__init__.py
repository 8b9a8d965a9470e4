"""Exports of the lineage graph: Graphviz, Mermaid, OpenLineage, or a tree of lines."""
