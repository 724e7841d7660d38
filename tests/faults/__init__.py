"""What happens when calls are repeated, delayed or lost: every operation of the system, ready to be disturbed."""
