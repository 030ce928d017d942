"""What moves in Amazon DynamoDB: the streams of tables and the expiry of items."""
