"""The node without I/O: events in, effects out."""
