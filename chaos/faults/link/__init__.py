"""Faults of links: what Toxiproxy does to the connections that it carries."""
