"""The statistics of a study, each in a module of its own; numpy and the standard library are all they need."""
