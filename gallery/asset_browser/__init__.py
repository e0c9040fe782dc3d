"""Asset browser: a Qt main window with a native tree and a docked web panel."""
