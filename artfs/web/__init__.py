"""The store in a browser: `artfs ui`. JSON, previews and bytes of files over HTTP, to look at and never to change.

Only this room imports starlette and uvicorn, which the extra `artfs[ui]` installs. docs/WEB.md has the routes and what
keeps others out.
"""
