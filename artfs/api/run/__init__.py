"""The class `Run` and its parts."""
