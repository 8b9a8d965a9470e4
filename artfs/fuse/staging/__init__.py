"""The staging mount: drafts, to be written to; requests, control files, and the process that stores and commits."""
