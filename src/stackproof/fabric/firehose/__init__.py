"""Amazon Data Firehose: records gather in buffers and end as objects in S3."""
