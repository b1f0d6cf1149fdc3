"""What the user wrote: the document's models, loading with line and column, the published JSON Schema."""

from chaos.errors import Problem
from chaos.experiment.loading import Loaded, load, loads, read
from chaos.experiment.model import Experiment

__all__ = ["Experiment", "Loaded", "Problem", "load", "loads", "read"]
