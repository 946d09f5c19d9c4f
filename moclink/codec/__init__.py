"""The semantic codec in Keras: what runs at both ends of the link, on any Keras backend."""
