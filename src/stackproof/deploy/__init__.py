"""Deploys a resolved template over boto3, the same on every backend, with a verdict for each resource."""
