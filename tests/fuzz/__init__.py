"""Whatever a container, an engine or a file may say, put before everything that reads it."""
