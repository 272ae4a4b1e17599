#!/bin/sh
# Prints the Python for the installation: the first of the usual names that is 3.11 to 3.13 and can create virtual
# environments, else the first that is 3.11 to 3.13, else any, so that bootstrap.py can print what is wrong.
for test in "import ensurepip, venv, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" \
            "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" ""; do
    for name in python3 python3.13 python3.12 python3.11; do
        if "$name" -c "$test" >/dev/null 2>&1; then
            echo "$name"
            exit 0
        fi
    done
done
echo "There is no python3 on the PATH: install Python 3.11, 3.12 or 3.13 (Debian: apt install python3 python3-venv)." >&2
exit 2
