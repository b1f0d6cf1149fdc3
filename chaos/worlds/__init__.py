"""Where a run happens, and what runs there."""
