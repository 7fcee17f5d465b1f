"""The steps that make and change the tables; each version of the schema is a file in `versions/`."""
