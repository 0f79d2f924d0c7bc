"""What central remembers: SQLAlchemy Core, one module per noun, SQLite or PostgreSQL.

``Store.begin()`` opens a transaction; the functions of the noun modules take its connection.
No transaction is held across network I/O.
"""

from layover_central.store.engine import Store

__all__ = ["Store"]
