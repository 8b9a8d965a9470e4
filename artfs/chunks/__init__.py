"""The content store: files cut into chunks, chunks written to packs, packs read back and verified. No index.

chunker   where to cut a file            codec     what to compress, and safe decompression
record    one chunk made ready           growing   one pack while it is written
writer    many packs, one after another  direct    a file written past the page cache
handover  how bytes go into that cache   buffers   memory for large amounts of them
reader    verified reads                 cache     decompressed chunks shared by processes
scan      what a pack holds              check     whether it is sound
"""
