"""The HTML report and the picture, looked at with a browser."""
