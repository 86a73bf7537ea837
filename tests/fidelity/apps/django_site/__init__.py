"""The Django site: one view for each scenario, served over WSGI and over ASGI."""
