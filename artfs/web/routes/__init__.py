"""The answers of the API, by the pages that ask for them. Each takes the open store and the query of a request."""
