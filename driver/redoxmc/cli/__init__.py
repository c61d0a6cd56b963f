"""Command line: parse, call one public function, print."""
