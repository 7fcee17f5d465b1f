"""The books: fold the topics by id and say exactly what has no end, what has two, and what is on its way."""
