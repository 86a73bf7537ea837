"""A ``curl`` for machines that have none: what the pages use of it.

``localhost:8000`` stands in the pages for wherever uvicorn listens (``UVICORN_PORT``).
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
from urllib.parse import urlsplit


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("--json")
    parser.add_argument("-i", dest="head", action="store_true")
    asked = parser.parse_args()
    url = urlsplit(asked.url if "//" in asked.url else f"http://{asked.url}")
    headers = dict(line.split(": ", 1) for line in asked.headers)
    if asked.json is not None:
        headers |= {"Content-Type": "application/json", "Accept": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["UVICORN_PORT"]), timeout=30)
    method = asked.method or ("GET" if asked.json is None else "POST")
    path = url.path + (f"?{url.query}" if url.query else "")
    connection.request(method, path, asked.json, headers)
    response = connection.getresponse()
    if asked.head:
        print(f"HTTP/1.1 {response.status} {response.reason}")
        print("".join(f"{name}: {value}\n" for name, value in response.getheaders()))
    sys.stdout.write(response.read().decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
