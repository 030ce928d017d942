"""Amazon SNS: topics, subscriptions, filter policies, deliveries."""
