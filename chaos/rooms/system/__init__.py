"""The rooms fitted into a world: the one part of them that knows Standby's worlds, journal and record."""

from chaos.rooms.system.layout import PAYLOAD as PAYLOAD
from chaos.rooms.system.layout import TARGETS as TARGETS
from chaos.rooms.system.layout import ends_of as ends_of
from chaos.rooms.system.layout import layout as layout
from chaos.rooms.system.rooms import RoomsSystem as RoomsSystem
