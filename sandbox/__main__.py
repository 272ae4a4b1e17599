"""`python -m sandbox`: both stand-ins in the foreground."""

from __future__ import annotations

import sys

from sandbox.lifecycle import run
from sandbox.settings import SettingsError, read_settings


def main() -> int:
    """Serve until a signal. A setting that cannot be used is one sentence and exit status 2."""
    try:
        run(read_settings(sys.argv[1:]))
    except SettingsError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
