"""Previews of files: found by their contents, made from their first bytes, as data that the page draws.

Nothing of an artifact is run or unpickled here. Lengths that a file gives are compared with its size before anything is
read by them.
"""
