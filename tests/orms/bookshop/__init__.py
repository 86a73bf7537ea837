"""An app of Django's."""
