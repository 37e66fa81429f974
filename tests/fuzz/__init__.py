"""Fuzzing of everything that reads what strangers made: `scripts/fuzz`. `targets.py` is the table of what is fuzzed."""
