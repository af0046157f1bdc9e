"""Learning-rate schedules: pure functions of the position, without torch."""
