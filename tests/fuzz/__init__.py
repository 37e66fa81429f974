"""Fuzz everything that reads strangers' bytes: `scripts/fuzz`. `targets.py` is the table of targets."""
