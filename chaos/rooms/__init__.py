"""The reference system under test: a main platform, a legacy media tier, and the audience of both."""
