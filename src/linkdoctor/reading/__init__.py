"""Readers of texts that others wrote: settings, command lines, scripts and logs. Pure."""
