"""AWS CodePipeline: pipelines and their executions."""
