"""What policies are made of: operations of one strength each, done to some images of a batch."""
