"""What a run came to: one outcome per driving record, counts that add up, reasons in words."""
