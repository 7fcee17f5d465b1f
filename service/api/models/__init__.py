"""What the API takes and gives: public shapes, apart from the records on the topics, which are Bongsu's own."""
