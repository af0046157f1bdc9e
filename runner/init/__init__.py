"""How the weights of dense and convolutional layers start."""
