"""Start of the installation: refuses any Python but 3.11 to 3.13, then runs install.py.

Its syntax is so old that an old Python can parse it and print the refusal.
"""

import os
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.stderr.write(
        (sys.executable or "python") + " is Python " + ".".join(map(str, sys.version_info[:2])) + ": install "
        "Python 3.11, 3.12 or 3.13 (Debian 12: apt install python3 python3-venv) or name one with "
        "`make PYTHON=/path/to/python3.12 ...`.\n"
    )
    sys.exit(2)

from local import install

sys.exit(install.main(os.getcwd()))
