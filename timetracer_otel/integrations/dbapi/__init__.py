"""What the drivers of databases, and SQLAlchemy above them, have in common (PEP 249)."""
