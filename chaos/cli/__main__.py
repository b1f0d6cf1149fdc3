"""`python -m chaos.cli` is `standby`."""

from chaos.cli import main

main()
