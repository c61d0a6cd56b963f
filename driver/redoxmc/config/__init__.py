"""What files of settings may say: schemas, defaults, loading, and sentences for what is wrong."""
