"""For all tests."""

import signal

# What a shell without job control starts in the background ignores interrupts, and so would all nodes and commands
# that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
