"""AWS Lambda: functions, their execution environments, and who invokes them."""
