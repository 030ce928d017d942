"""Amazon EventBridge: buses, rules, targets, archives, replays."""
