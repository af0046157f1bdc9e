"""From raw examples to the parts of a data set: divided, scaled, and made into what the engine takes."""
