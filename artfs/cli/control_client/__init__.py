"""Client of the control files of a staging mount."""
