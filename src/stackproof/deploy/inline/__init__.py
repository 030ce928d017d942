"""Modules that CloudFormation adds to functions whose code stands in the template (``ZipFile``)."""
