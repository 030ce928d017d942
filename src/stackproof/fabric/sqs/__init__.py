"""Amazon SQS: standard and FIFO queues with constant time per operation at any depth."""
