"""What is built and installed: wheel, sdist and editable install."""
