"""The Python API: `Artifact`, and what it is logged and found with. `import artfs` exports what is public of it."""
