"""Floor 1: how records spread and are found."""
