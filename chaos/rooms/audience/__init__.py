"""The load: hosts and listeners, open-loop, and the truth about who hears sound."""
