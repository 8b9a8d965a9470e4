"""The content store: cuts files into chunks, writes them to packs, reads and verifies them. No index.

chunker       cut a file                       codec         compress, and decompress safely
record        one chunk made ready             writer        many records, pack after pack
pack_storage  packs listed, opened, published, removed: a Protocol, and the local directory
reader        verified reads                   chunk_cache   decompressed chunks, shared by processes
packfile      the parts of a pack              recover       its records, without the index
check_pack    invariants P1 to P12
"""
