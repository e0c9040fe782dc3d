"""Folders whose tests open windows carry the marker that selects them."""

import pathlib

import pytest

DISPLAY_FOLDERS = {"e2e", "hosts"}


def pytest_collection_modifyitems(items: list) -> None:
    root = pathlib.Path(__file__).parent
    for item in items:
        folder = pathlib.Path(item.path).relative_to(root).parts[0]
        if folder in DISPLAY_FOLDERS:
            item.add_marker(pytest.mark.display)
