"""The real things spoken to: Toxiproxy, Prometheus, processes, and the programs that are run."""
