"""Rules that spoil answers of the sandbox, set through the admin API; without a rule none of this runs."""
