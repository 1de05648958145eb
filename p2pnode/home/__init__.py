"""What a household keeps of its node: the folder, settings, keys, log."""
