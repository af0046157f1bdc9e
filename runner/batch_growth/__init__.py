"""Batch sizes that grow in the course of a run."""
