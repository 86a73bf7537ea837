"""HTTP/1 as it goes over a connection: read while it passes, and written again for a replay.

Clients that speak HTTP/1 through a socket or a transport (``http.client`` and everything upon it,
aiohttp) are seen there. In replay their own parsers read the same bytes again, so everything
above (redirects, decoding, cookies, exceptions) is the library's own work.
"""
