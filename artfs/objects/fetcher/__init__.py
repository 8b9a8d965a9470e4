"""The fetcher: the one process of a user that reads objects over the network, into the cache.

Whoever needs it starts it: a worker of a mount, a command, a program. It ends by itself soon after the last of them. So
no process that forks has the threads of an object store's client, and all share its connections, its requests and what
it fetched. Bytes go through files of the cache, and only ranges through the socket.
"""
