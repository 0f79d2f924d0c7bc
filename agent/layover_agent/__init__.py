"""The agent: runs on the box, says what recordings are there, serves them whole."""

__version__ = "0.1.0"
