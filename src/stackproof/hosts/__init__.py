"""Hosts that are inspected: the inventory, what makes hosts, how they are reached and probed.

The suites of ``tests/infra`` read nothing but the inventory. A provider makes the hosts that the inventory
names (or finds those that exist), a journal with a guard process unmakes them whatever ends the run.
"""
