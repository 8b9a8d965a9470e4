"""Staging mount: the drafts of a store as writable directories.

A request goes `server_process` > `staging_operations` > `served_drafts` > `artfs.drafts`; `root_directory` and
`control` answer for what is outside of drafts. Between requests `background` talks to the storer (`channel`,
`storer_process`) and `commit_queue` follows the commits. `recovery` lets a new server continue for one that died.
"""
