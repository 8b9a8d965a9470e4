"""What tests of artfs and of its extensions share: strategies, contract suites. Imported by tests alone."""
