"""Tests written from cassettes: source that people read, and own from then on."""
