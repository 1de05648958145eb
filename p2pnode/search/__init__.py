"""Search over what this node holds: an SQLite index, a cache that the store can rebuild."""
