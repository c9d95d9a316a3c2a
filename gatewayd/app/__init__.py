"""The ring that knows everybody: builds a gateway from its configuration and runs it."""
