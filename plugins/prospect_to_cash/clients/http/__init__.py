"""HTTP: requests with a deadline, tokens, throttling and the retry policy."""
