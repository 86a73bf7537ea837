"""The real services that tests talk to: each starts from a wheel, without root and without containers."""
