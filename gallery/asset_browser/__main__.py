"""python -m gallery.asset_browser [DIR]"""

from __future__ import annotations

import argparse
import os
import sys

from PySide6.QtWidgets import QApplication

from . import samples, theme
from .window import BrowserWindow

HERE = os.path.dirname(os.path.abspath(__file__))
WEB_ROOT = os.path.join(HERE, "web", "dist")
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build")
EVERY_MACHINE_HAS = "/usr/share"


def main() -> int:
    parser = argparse.ArgumentParser(prog="asset_browser", description=__doc__)
    parser.add_argument("folder", nargs="?", help="folder to browse; default: samples and /usr/share")
    parser.add_argument("--drive", metavar="PNG", help="use the demo with real input, save a picture")
    arguments = parser.parse_args()

    if not os.path.isfile(os.path.join(WEB_ROOT, "index.html")):
        print("the panel is not built: run 'npm run build' in gallery/", file=sys.stderr)
        return 2
    if arguments.folder is not None and not os.path.isdir(arguments.folder):
        print(f"{arguments.folder}: no such folder", file=sys.stderr)
        return 2

    # The default of 5 ms would let a busy worker thread hold up a call for as long.
    sys.setswitchinterval(0.0005)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("AuroraView Asset Browser")
    theme.apply(app)
    if arguments.folder is not None:
        folder = os.path.abspath(arguments.folder)
        roots = [(os.path.basename(folder) or folder, folder)]
    else:
        made = samples.ensure_samples(os.path.join(BUILD, "samples"))
        roots = [("Samples", made), (EVERY_MACHINE_HAS, EVERY_MACHINE_HAS)]

    window = BrowserWindow(
        roots,
        WEB_ROOT,
        select_first_mesh=arguments.folder is None,
        scan_now=arguments.drive is None,  # the driver measures the panel before it
    )
    window.show()
    if arguments.drive is None:
        return app.exec()
    from .drive import Driver

    driver = Driver(window, arguments.drive)
    driver.start()
    app.exec()
    return driver.result


if __name__ == "__main__":
    sys.exit(main())
