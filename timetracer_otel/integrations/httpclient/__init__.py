"""``http.client`` and what is built upon it: urllib.request, urllib3, requests, botocore.

A call is seen at the connection, below all of them; each library says only whose call it is. In
replay the connection has a socket of ours, which the same code reads the recorded answer from.
"""
