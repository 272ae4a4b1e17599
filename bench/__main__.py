"""python -m bench [quotes | serve | ledger] ...: products and accounts by default, quotes, or one part by itself."""

import sys

from bench import accounts, ledger, quotes, serve
from bench.errors import BenchError
from local.errors import LocalError


def main(arguments: list[str]) -> int:
    """Exit code: 0 measured, 1 a run wrote more than it should, 2 the printed sentence says what to change first."""
    try:
        if arguments[:1] == ["serve"]:
            return serve.main(arguments[1:])
        if arguments[:1] == ["ledger"]:
            return ledger.main(arguments[1:])
        if arguments[:1] == ["quotes"]:
            return quotes.main(arguments[1:])
        return accounts.main(arguments)
    except (BenchError, LocalError) as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
