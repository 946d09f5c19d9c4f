"""The semantic codec in Keras: for sender and receiver, on any Keras backend."""
