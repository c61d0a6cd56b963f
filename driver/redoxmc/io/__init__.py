"""Files that others read, too: atomic writing, extended XYZ, structures, TOML text."""
