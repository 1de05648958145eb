"""Floor 2: the node. A pure core and the only I/O in the program."""
