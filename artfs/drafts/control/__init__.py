"""Requests and replies of the control files of a staging mount."""
