"""Faults of a cluster's own things: its nodes, pods and deployments."""
