"""The machine of a measurement."""

import os
import platform
from pathlib import Path


def machine() -> dict[str, object]:
    """Processor, usable cores, memory in MiB, Python; nothing that identifies the machine."""
    return {
        "cpu": _first_value(Path("/proc/cpuinfo"), "model name")
        or platform.processor()
        or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _first_value(path: Path, name: str) -> str | None:
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
