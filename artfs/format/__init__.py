"""The bytes of everything that is stored, as pure functions between bytes and values: no I/O, nothing of LMDB."""
