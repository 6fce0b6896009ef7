"""Prints how long modules and functions are; `make sizes` runs it.

A module of over 300 lines or a function of over 40 is a question, not a crime: it is printed.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.verdict import conclude

ROOT = Path(__file__).parents[1]
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function's name and its lines, decorators aside."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield node.name, node.end_lineno - node.lineno + 1


def lines(path: Path) -> int:
    """Return a file's number of lines, as `wc -l` counts them."""
    return path.read_text().count("\n")


def main() -> int:
    """Print totals and what is long; the exit status is the verdict."""
    source = [ROOT / "api.py", *sorted((ROOT / "src").rglob("*.py"))]
    tests = [
        path for path in sorted((ROOT / "tests").rglob("*.py")) if "node_modules" not in path.parts
    ]
    for name, paths in (("api.py and src", source), ("tests", tests)):
        print(f"{name:15} {sum(map(lines, paths)):6} lines in {len(paths)} modules")
    faults = []
    for path in source:
        name = str(path.relative_to(ROOT))
        if lines(path) > MAX_MODULE_LINES:
            faults.append(f"{name} has {lines(path)} lines")
        faults += [
            f"{name}: {function} has {length} lines"
            for function, length in functions(path)
            if length > MAX_FUNCTION_LINES
        ]
    longest = sorted(source, key=lines)[-5:]
    print("longest modules", *(f"{lines(path)} {path.relative_to(ROOT)}" for path in longest))
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(main())
