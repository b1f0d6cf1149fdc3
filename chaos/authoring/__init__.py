"""Help for whoever writes experiments: what faults there are, a first document, and what a document would do."""
