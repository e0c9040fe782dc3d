"""What tools need around a view: main-thread dispatch and timers."""
