"""The command line: one module per command in `commands`, each loaded when it is called."""
