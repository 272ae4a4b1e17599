"""Start a sandbox from a program or a test, and talk to it. Only the standard library is imported here."""
