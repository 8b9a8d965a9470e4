"""Reading: files by range, extraction, comparison with directories, leases of readers."""
