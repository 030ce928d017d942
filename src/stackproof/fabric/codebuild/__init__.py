"""AWS CodeBuild: projects and builds whose commands really run."""
