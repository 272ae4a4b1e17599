"""Names of the files in a sandbox's home folder that other programs read."""

CARD = "sandbox.json"  # where both systems are reached; present while the sandbox serves
NOTES = "notes.txt"  # a sentence per value of a CSV folder that was not taken as it stood
