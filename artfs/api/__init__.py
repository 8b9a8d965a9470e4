"""The Python API: `Artifact`, `Run`, `Api`, `init`. `import artfs` exports them."""
