"""SQLite through SQLAlchemy: the truth of a collection; no vectors are compared here."""
