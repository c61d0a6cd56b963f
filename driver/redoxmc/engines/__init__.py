"""What turns an occupancy into a relaxed energy."""
