"""What touches the outside: Kafka, HTTP, files, processes. Everything here may block, fail and retry."""
