"""A replica at temperature: molecular dynamics, and candidate moves over short paths of it."""
