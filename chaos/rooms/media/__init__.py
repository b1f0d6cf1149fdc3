"""The legacy media tier: rooms, audio in, audio out; asks platform for every token."""
