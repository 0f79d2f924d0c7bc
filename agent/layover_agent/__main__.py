"""``python -m layover_agent``."""

from layover_agent.cli import main

main()
