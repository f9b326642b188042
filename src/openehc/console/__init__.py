"""The HTTP door for people: pages in a browser."""
