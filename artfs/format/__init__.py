"""The bytes of all that is stored, as pure functions between bytes and values. No I/O."""
