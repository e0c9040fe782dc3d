"""Codes of the library and classes of Python belong together."""

import pickle

import pytest
from auroraview import _core, errors


@pytest.mark.parametrize("code", range(-19, 0))
def test_every_code_has_a_class(code):
    error = errors.from_code(code, "text", "detail")
    assert type(error) is not errors.AuroraViewError
    assert error.code == code
    assert "text: detail" in str(error)


@pytest.mark.parametrize(
    "code, name",
    [(-4, "Timeout"), (-6, "Closed"), (-7, "EngineLost"), (-8, "QueueFull"), (-18, "MethodNotFound")],
)
def test_classes_are_named_as_pages_see_them(code, name):
    assert _core.error_name(code) == name
    assert type(errors.from_code(code, "")).__name__ == name


def test_unknown_code_keeps_its_number():
    error = errors.from_code(-999, "unknown error")
    assert type(error) is errors.AuroraViewError
    assert error.code == -999


def test_errors_are_what_python_calls_them():
    assert issubclass(errors.Timeout, TimeoutError)
    assert issubclass(errors.InvalidArgument, ValueError)
    assert issubclass(errors.OutOfMemory, MemoryError)


def test_script_error():
    error = errors.from_script({"name": "TypeError", "message": "no", "stack": "at 1"})
    assert (error.name, error.message, error.stack) == ("TypeError", "no", "at 1")
    assert str(error) == "TypeError: no"
    again = pickle.loads(pickle.dumps(error))
    assert (again.name, again.message, again.stack) == ("TypeError", "no", "at 1")


@pytest.mark.parametrize("value", [None, "text", 5, [], {"name": None}, {"message": 3}])
def test_script_error_from_odd_values(value):
    assert isinstance(errors.from_script(value), errors.ScriptError)


def test_unknown_engine_is_an_argument_error():
    with pytest.raises(errors.InvalidArgument, match="unknown engine 'nonesuch'"):
        _core.App(engine="nonesuch")
