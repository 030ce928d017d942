"""A world on the wall clock: the endpoint holds queues and tables, our loader runs the functions."""
