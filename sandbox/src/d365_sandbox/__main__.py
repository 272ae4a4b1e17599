"""The command `d365-sandbox`, also `python -m d365_sandbox`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

USAGE = """usage: d365-sandbox serve [options]

Serve stand-ins of Dynamics 365 Sales and of Finance and Operations until a signal ends them.
`d365-sandbox serve --help` lists the options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 after a signal or a help text, 2 after one sentence about a setting that cannot be used."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["serve"]:
        from d365_sandbox.server.lifecycle import serve

        return serve(given[1:])
    asks = given[:1] in (["--help"], ["-h"])
    print(USAGE, file=sys.stdout if asks else sys.stderr)
    return 0 if asks else 2


if __name__ == "__main__":
    sys.exit(main())
