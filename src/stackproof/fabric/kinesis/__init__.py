"""Amazon Kinesis Data Streams. Source: API reference and developer guide, "Quotas and limits"."""
