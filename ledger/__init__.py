"""Floor 1: what was agreed and settled, and who can be trusted."""
