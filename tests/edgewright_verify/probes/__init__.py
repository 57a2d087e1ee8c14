"""Plain functions that observe a target and return records; what they mean is for the suites to say."""
