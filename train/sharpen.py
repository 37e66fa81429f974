"""`python -m train.sharpen PHOTOS --start IDENTITY ...`: an identity learns on. The same as `python -m train`
with these arguments; `--strangers` is `--content`."""

import signal

from .command import main

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise SystemExit(main())
