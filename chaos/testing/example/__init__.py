"""The parts of the example run: its frame, what went wrong and who did what, and what was measured."""
