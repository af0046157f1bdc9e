"""Figures of runs, sweeps and ablations: functions that return one, or None where there is nothing to draw.

They are read in print, and by people who don't see red and green alike: what a colour says, a shape or dashes say too.
`runner.analysis.figures.svg` makes of any of them a piece of a page, light or dark.
"""
