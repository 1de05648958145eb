"""Thousands of nodes on one virtual clock and one seed: what spreading costs, and what it bears."""
