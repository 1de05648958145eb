"""Floor 0: what is said on the wire. Values, signatures, state machines. No I/O, no clock."""
