"""A user's own services as a system under test: any commands and addresses, any load, no rooms in sight."""

from chaos.services.layout import layout as layout
from chaos.services.load import load_of as load_of
from chaos.services.part import scope as scope
from chaos.services.system import ServicesSystem as ServicesSystem
