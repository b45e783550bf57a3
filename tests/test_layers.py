"""The house: imports point one way, OK is handed out in one file, and rules know no clock, file, thread or log."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge

EDGE = Path(edge.__file__).parent
ROOT = EDGE.parent

VALUES = [
    "errors",
    "frame",
    "verdict",
    "settings",
    "record",
    "state",
    "yaml_lines",
    "text_forms",
    "kind_names",
    "wiring",
    "cameras",
    "config",
    "picture_policy",
    "picture_files",
    "pictures",
]
RULES = [
    *("alignment", "archive", "bundle", "camera_event", "cell_statistics", "channels", "control_charts", "inspection"),
    *("joined", "judge", "kinds", "manifest", "network_form", "seal", "probation", "view"),
    *("placing", "plane_cells", "pose", "pose_search", "pose_trimmed", "preprocess", "quality", "scoring", "variables"),
]
INTERFACES = ["interfaces", "priority"]
SHELL = [
    *(
        "station",
        "attempt",
        "arrivals",
        "readiness",
        "sight",
        "takt",
        "worker",
        "daemon",
        "heartbeat",
        "watchers",
        "control",
        "notify",
        "remote",
    ),
    *(
        "logs",
        "recorder",
        "record_writer",
        "data_folder",
        "database",
        "database_place",
        "schema",
        "migrations",
        "rollups",
    ),
    *("picture_store", "whole_files", "quotas", "model_store", "machine", "memory_lock"),
    *(
        "page_store",
        "audit",
        "corrections",
        "accounts",
        "history",
        "part_story",
        "trends",
        "counters",
        "takt_times",
        "rejudge",
    ),
    *("grain", "limit_effect", "export", "moved_limit", "live", "teaching", "set_up", "training_folder"),
    *("usual_range", "trust", "slots", "child_process", "receive", "armed", "model_start", "model_switch"),
    *("shadow", "model_trial", "spool", "truth", "beside", "shift_check", "programs", "program_slots"),
    *("pieces", "part_records", "probation_counts", "admission", "station_wires"),
]
FACES = ["__init__", "__main__", "commands", "web"]
LAYERS = {
    "values": VALUES,
    "rules": RULES,
    "interfaces": INTERFACES,
    "drivers": ["drivers"],
    "shell": SHELL,
    "faces": FACES,
}
MAY_IMPORT = {
    "values": {"values"},
    "interfaces": {"values", "interfaces"},
    "rules": {"values", "interfaces", "rules"},
    "drivers": {"values", "interfaces", "rules", "drivers"},
    "shell": {"values", "interfaces", "rules", "shell"},
    "faces": set(LAYERS),
}
IMPURE = {
    "time",
    "datetime",
    "os",
    "pathlib",
    "threading",
    "multiprocessing",
    "logging",
    "socket",
    "sqlite3",
    "subprocess",
}
NOT_FOR_RULES = {
    *("torch", "onnxruntime", "starlette", "uvicorn", "jinja2", "sqlite3", "yaml", "asyncio", "cryptography"),
    *("subprocess", "multiprocessing"),
}
STOPWATCH = {("inspection", "time")}  # measures its own stages; nothing is decided by it


def modules() -> list[Path]:
    return sorted(path for path in EDGE.rglob("*.py"))


def layer_of(module: str) -> str:
    """edge.drivers.line → drivers."""
    name = module.split(".")[1] if "." in module else "__init__"
    return next((layer for layer, names in LAYERS.items() if name in names), f"none: put {module} into a layer")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            assert node.module is not None
            yield node.module
            if node.module == "edge":
                yield from (f"edge.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    layer = layer_of(name_of(path))
    for module in imported_by(path):
        if module.startswith("edge."):
            assert layer_of(module) in MAY_IMPORT[layer], f"{name_of(path)} ({layer}) imports {module}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_edge_never_imports_training_or_its_libraries(path: Path) -> None:
    forbidden = {"training", "torch", "onnx", "sklearn", "scipy", "matplotlib", "PIL", "tqdm"}
    assert not {module.split(".")[0] for module in imported_by(path)} & forbidden


@pytest.mark.parametrize("name", RULES)
def test_rules_know_no_clock_file_thread_or_log(name: str) -> None:
    path = EDGE / f"{name}.py"
    found = {(name, module.split(".")[0]) for module in imported_by(path)}
    assert not {(name, module) for module in IMPURE} & found - STOPWATCH
    calls = {node.func.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
             and isinstance(node.func, ast.Name)}  # fmt: skip
    assert not calls & {"open", "print", "input"}


def test_ok_is_handed_out_in_one_file() -> None:
    found = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_ok = isinstance(node, ast.Attribute) and node.attr == "OK" and ast.unparse(node.value) == "Outcome"
            is_made = isinstance(node, ast.Call) and ast.unparse(node.func) in ("Outcome", "Outcome.__getitem__")
            if is_ok or is_made:
                found.add(path.name)
    assert found <= {"judge.py", "verdict.py"}
    assert "judge.py" in found


def test_any_error_is_caught_in_one_place_of_the_shell() -> None:
    found = [
        f"{path.stem}.{ast.unparse(node.type) if node.type else 'bare'}"
        for path in modules()
        if layer_of(name_of(path)) in ("values", "rules", "interfaces", "shell")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert found == ["attempt.Exception"]


def test_only_drivers_and_the_command_line_know_drivers() -> None:
    for path in modules():
        if any(module.startswith("edge.drivers") for module in imported_by(path)):
            assert path.parent.name in ("drivers", "commands"), path


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("edge", {"numpy", "cv2"}),
        ("edge.daemon", {"torch", "starlette", "uvicorn", "jinja2", "onnxruntime"}),
        (
            "edge.commands.run",
            {"torch", "starlette", "uvicorn", "jinja2", "onnxruntime", "asyncio", "edge.drivers.line"},
        ),
        ("edge.web.server", {"torch", "onnxruntime", "gpiod", "edge.drivers.onnx", "edge.drivers.line"}),
        ("edge.__main__", {"numpy", "cv2", "pydantic"}),
        ("edge.judge, edge.scoring, edge.pose_search, edge.pose_trimmed", {"pydantic", *NOT_FOR_RULES}),
        ("edge.preprocess, edge.placing, edge.quality, edge.inspection", NOT_FOR_RULES),
        ("edge.drivers.onnx", NOT_FOR_RULES - {"onnxruntime", "yaml"}),
        ("edge.commands.safe, edge.drivers.gpio_lines", {"numpy", "cv2", "onnxruntime", "sqlite3"}),
    ],
)
def test_importing_does_not_bring_more_than_needed(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted(set({sorted(absent)!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == ""
