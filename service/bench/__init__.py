"""Benchmarks: each compares within one run and returns a dict; `bongsu bench NAME --json` prints it."""
