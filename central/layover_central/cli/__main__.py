"""``python -m layover_central.cli``."""

from layover_central.cli import main

main()
