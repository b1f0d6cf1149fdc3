"""What goes wrong: one fault per file, found by its name in `chaos.faults.registry`; its parameters are in `specs`."""
