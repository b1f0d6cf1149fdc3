"""The local world: processes of this machine."""
