"""Faults of single processes."""
