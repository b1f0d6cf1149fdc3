"""What survives everything: the write-ahead journal and the undo that is read from it."""
