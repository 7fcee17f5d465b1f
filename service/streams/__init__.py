"""The worker: three Faust agents of a few lines each, in the order of the data: match, story, group."""
