"""The ring that knows everybody: builds a gateway from its configuration and runs it.

run.run(config)       the daemon, until SIGTERM or SIGINT
audit.audit(config)   who is there and what may be driven, without a daemon and without driving

Nothing is imported here: a command that looks at one unit has no use for the whole daemon.
"""
