"""Every example of README.md and docs/ is run: see :mod:`tests.docs.markdown` for how one is written."""
