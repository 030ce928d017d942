"""cfn-lint behind one adapter: its findings exactly, on the written and on the resolved template."""
