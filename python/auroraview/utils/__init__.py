"""What tools need around a view: main-thread dispatch, timers, local files."""
