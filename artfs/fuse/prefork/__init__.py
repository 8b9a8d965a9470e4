"""Preforked worker processes of a mount: supervisor, pool, scoreboard, accept lock, log."""
