"""Traces of any origin to cassettes: split by entry span, payloads taken over, gaps listed, at any size."""
