"""The tasks of a flow, one verb each."""
