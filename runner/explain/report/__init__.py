"""From a command to the files in the run folder."""
