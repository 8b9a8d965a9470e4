"""One module per command, of the command's name; its `command` is what the group runs."""
