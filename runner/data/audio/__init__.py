"""Reading WAV files, and the spectrograms that are made of them."""
