"""What comes out of a run, derived from its event record alone: pages, tables, JUnit, JSON and the live view."""
