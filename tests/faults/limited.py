"""``python -m tests.faults.limited <resource> <limit> <command>``: run it with less of that resource."""

from __future__ import annotations

import os
import resource
import sys

if __name__ == "__main__":
    which = getattr(resource, sys.argv[1])
    resource.setrlimit(which, (int(sys.argv[2]), resource.getrlimit(which)[1]))
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606  # a command of the tests
