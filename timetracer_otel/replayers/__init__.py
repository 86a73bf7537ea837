"""Answering dependency calls from cassettes, and judging what a replay did."""
