"""The main platform's tier: identity (tokens), the room directory, announcements to followers."""
