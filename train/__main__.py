import signal

from .command import main

# What a shell started in the background ignores this signal, and so do its children: the page's training
# could not be stopped, only killed.
signal.signal(signal.SIGINT, signal.default_int_handler)
raise SystemExit(main())
