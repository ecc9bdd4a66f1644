"""Who may import whom: only what stands before it in this order."""

import ast
from pathlib import Path

import webadmin

ORDER = [
    "settings",
    "context",
    "messages",
    "config",
    "folding",
    "sqlite",
    "idle",
    "turns",
    "database",
    "prepared",
    "time_limit",
    "values",
    "texts",
    "columns",
    "lenient",
    "xlsx",
    "notation",
    "permissions",
    "resource",
    "keys",
    "filters",
    "sorting",
    "keyset",
    "jumps",
    "cursors",
    "listing",
    "counts",
    "search_indexes",
    "search_making",
    "search_words",
    "search",
    "plans",
    "indexes",
    "selects",
    "list_counts",
    "records",
    "references",
    "exports",
    "sheets",
    "tables",
    "uploads",
    "images",
    "listeners",
    "history",
    "neighbours",
    "recording",
    "submissions",
    "saving",
    "links",
    "removing",
    "bulk",
    "undo",
    "fields",
    "forms",
    "formats",
    "refusals",
    "users",
    "accounts",
    "sessions",
    "throttle",
    "passwords",
    "invitations",
    "devices",
    "mail",
    "sign_in_words",
    "sign_in_forms",
    "session_cookies",
    "sign_in",
    "judging",
    "rows",
    "matching",
    "import_report",
    "deferred_indexes",
    "imports",
    "schema",
    "registry",
    "templating",
    "preview",
    "selection",
    "differences",
    "timeline",
    "list_page",
    "cells",
    "explanations",
    "faults",
    "errors",
    "request_checks",
    "static_files",
    "proxies",
    "auth",
    "site",
    "views",
    "history_views",
    "form_views",
    "export_views",
    "import_work",
    "import_views",
    "bulk_views",
    "pages",
    "account_pages",
    "account_views",
    "__init__",
    "samples",
    "server",
    "cli_site",
    "account_commands",
    "history_commands",
    "index_making",
    "index_commands",
    "file_commands",
    "cli",
]
PACKAGE = Path(webadmin.__file__).parent


def imported(module: str) -> set[str]:
    """Return the modules of the package that one imports."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
    return {name.split(".")[1] for name in found if name.startswith("webadmin.")} & set(ORDER)


def test_the_order_names_every_module() -> None:
    assert sorted(ORDER) == sorted(path.stem for path in PACKAGE.glob("*.py"))


def test_imports_point_backwards_only() -> None:
    wrong = [
        f"{module} imports {name}"
        for place, module in enumerate(ORDER)
        for name in imported(module)
        if ORDER.index(name) >= place
    ]
    assert wrong == []


def test_modules_stay_small() -> None:
    long = {path.name: len(path.read_text().splitlines()) for path in PACKAGE.glob("*.py")}
    assert {name: lines for name, lines in long.items() if lines > 330} == {}
