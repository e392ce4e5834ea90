"""The pages of what keeps mail going, or back: queue, scheduler, limits, slow-downs, the stop switch."""
