"""What is asked of a finished model beyond its figures: one chapter of the report in each file."""
