"""Every exception class of a client library, and an instance of each."""

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import ModuleType

Builders = Mapping[str, Callable[[], Exception]]
"""How to build the classes whose parameters need more than a value by their name."""

_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def error_classes(library: ModuleType) -> set[type[Exception]]:
    """Return the library's exception classes, from all modules directly in its package.

    Without warnings, which are exceptions in name only.
    """
    return {
        value
        for module in _modules(library)
        for value in list(vars(module).values())
        if issubclass(type(value), type)  # unlike isinstance(), it loads no lazy module
        and issubclass(value, Exception)
        and not issubclass(value, Warning)
        and value.__module__.partition(".")[0] == library.__name__
    }


def build_errors(
    library: ModuleType, values: Mapping[str, object], builders: Builders
) -> list[Exception]:
    """Return an instance of every exception class, in the order of their names.

    Required parameters get the value of their name in `values`; `builders` builds other classes.

    Raises:
        AssertionError: a class cannot be built, or `builders` has one that does not exist.
    """
    classes = error_classes(library)
    missing = set(builders) - {cls.__name__ for cls in classes}
    assert not missing, f"{library.__name__} has no {missing} any more"
    return [
        builders[cls.__name__]() if cls.__name__ in builders else _build(cls, values)
        for cls in sorted(classes, key=lambda cls: f"{cls.__name__} {cls.__module__}")
    ]


def _modules(library: ModuleType) -> Iterator[ModuleType]:
    yield library
    for info in pkgutil.iter_modules(library.__path__, f"{library.__name__}."):
        if info.ispkg or info.name.endswith("__main__"):
            continue
        # Modules for extras that are not installed cannot raise anything here.
        with warnings.catch_warnings(), suppress(ImportError):
            warnings.simplefilter("ignore")
            yield importlib.import_module(info.name)


def _build(cls: type[Exception], values: Mapping[str, object]) -> Exception:
    parameters = [*inspect.signature(cls.__init__).parameters.values()][1:]
    required = [p for p in parameters if p.default is p.empty and p.kind not in _VARIADIC]
    if not parameters or parameters[0].kind in _VARIADIC:  # as `Exception` itself
        return cls(values["message"]) if parameters else cls()
    for parameter in required:
        place = f"{cls.__module__}.{cls.__name__}"
        assert parameter.name in values, f"{place} needs {parameter.name}: give it a builder"
    return cls(
        *(values[p.name] for p in required if p.kind is not p.KEYWORD_ONLY),
        **{p.name: values[p.name] for p in required if p.kind is p.KEYWORD_ONLY},
    )
