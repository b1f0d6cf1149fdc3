"""Standby: chaos engineering for the seam between two tiers, with the people who repair it in the picture."""

__version__ = "0.1.0"
