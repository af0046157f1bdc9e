"""What is seen of a trained network on one part of its data: tables, curves, examples; as JSON, CSV and pictures."""
