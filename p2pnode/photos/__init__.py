"""Photos of listings: made small and silent, kept as files by their hash, passed on among neighbours."""
