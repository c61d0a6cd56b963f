"""Pages of the docs that are made from the code: config keys, command line, rows of results."""
