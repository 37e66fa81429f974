"""Commands that print both sides of a ratio from one run."""
