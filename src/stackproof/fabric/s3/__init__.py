"""Amazon S3: the state behind keeps the objects, the fabric tells who wants to know of them."""
