"""Benchmarks. `python -m bench.NAME` prints a table, with `--json` one JSON object of named figures."""
