"""The nouns, and the error tree. Imports nothing of the rest."""
