"""What runs and sweeps have shown: tables, comparisons and their statistics, computed from folders."""
