"""Floor 3: the command line. Speaks to a running node over its control socket, and prints."""
