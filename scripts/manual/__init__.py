"""Pages of the documentation that are made from the code: `scripts/reference` writes them."""
