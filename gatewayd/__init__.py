"""The daemon: a brain (`core`), its hands (`edge`) and the one who introduces them (`app`)."""
