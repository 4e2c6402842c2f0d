"""What was asked: bodies and their bounds, values and their checks, and the commands that they become."""
