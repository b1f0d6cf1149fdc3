"""What many runs teach: sweeps over simulated trials, the room's survival, the smallest crew that keeps it alive."""
