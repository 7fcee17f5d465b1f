"""Pure: what a webhook says, how it is signed, when it is tried again, and which addresses may be called."""
