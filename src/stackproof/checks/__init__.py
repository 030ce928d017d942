"""The checks: each looks at a template and gives findings."""
