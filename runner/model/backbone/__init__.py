"""Networks for images that give maps, on which others build."""
