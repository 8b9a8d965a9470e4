"""What tests of artfs and of its extensions share: strategies, a reference model, contract suites. Imported by tests alone."""
