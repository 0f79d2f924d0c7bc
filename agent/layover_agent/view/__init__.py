"""What the agent knows, as plain text for a terminal of 80 columns."""
