"""May I sample here? Judges, models, samplers and attacks to measure a statistic of images with."""
