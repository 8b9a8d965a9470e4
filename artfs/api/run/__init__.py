"""The parts of the class `Run`; the class itself is beside `Artifact`."""
