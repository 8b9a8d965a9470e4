"""What tests of artfs and of its extensions share: strategies, a reference model. Imported by tests alone."""
