"""python -m bench [quotes | serve] ...: accounts and products by default, documents, or the stand-ins alone."""

import sys

from bench import quotes, serve, spine
from bench.errors import BenchError
from local.errors import LocalError


def main(arguments: list[str]) -> int:
    """Exit code: 0 measured, 1 a run did what it should not, 2 one sentence says what is in the way."""
    try:
        if arguments[:1] == ["serve"]:
            return serve.main(arguments[1:])
        if arguments[:1] == ["quotes"]:
            return quotes.main(arguments[1:])
        return spine.main(arguments)
    except (BenchError, LocalError) as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
