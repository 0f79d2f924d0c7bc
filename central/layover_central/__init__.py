"""Central: knows every site, decides what crosses which link when, keeps what arrived."""

__version__ = "0.1.0"
