"""Public fakes for tests: a clock, a world, a Toxiproxy server, and records of runs."""
