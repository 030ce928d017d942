"""AWS CodeCommit: repositories whose content the test gives."""
