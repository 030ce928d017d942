"""Amazon API Gateway: a request to a deployed API reaches its function, and the answer comes back."""
