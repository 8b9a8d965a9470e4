"""JSON documents of artifacts, entries, runs, graph and history; keys as in docs/COMMANDS.md."""
