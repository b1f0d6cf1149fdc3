"""One run: phases, schedule, sampling, judgement, verdict."""
