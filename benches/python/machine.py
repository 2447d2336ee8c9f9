"""What a record says of the machine and of the versions that it was made with."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

INTEL = {
    85: "Skylake or Cascade Lake",
    106: "Ice Lake",
    108: "Ice Lake",
    143: "Sapphire Rapids",
    151: "Alder Lake",
    154: "Alder Lake",
    173: "Granite Rapids",
    174: "Granite Rapids",
    183: "Raptor Lake",
    207: "Emerald Rapids",
}
"""Generation of Intel's models of family 6."""

INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX512-BF16",
    "avx512_fp16": "AVX512-FP16",
    "amx_bf16": "AMX-BF16",
}
"""Linux's flags of the instruction sets that decide how fast f32 and bf16 products are."""


def processor() -> tuple[str, int]:
    """The processor's name and number of cores, as Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), 1
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    models = [value.strip() for key, value in pairs if key.strip() == "model name"]
    known = {key.strip(): value.strip() for key, value in pairs}
    family = f" (family {known.get('cpu family', '?')}, model {known.get('model', '?')})"
    return (models[0] if models else platform.machine()) + family, max(len(models), 1)


def versions(packages: Iterable[str]) -> str:
    """Python's version, and those of the packages that are there."""
    texts = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            texts.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(texts)


def generation(vendor: str, family: int, model: int) -> str:
    """The generation that a processor's numbers stand for, by the vendors' lists; "" if unknown."""
    if vendor == "AuthenticAMD":
        if family == 25:
            is_zen4 = model in range(0x10, 0x20) or model in range(0x60, 0x80) or model >= 0xA0
            return "Zen 4" if is_zen4 else "Zen 3"
        return {23: "Zen 1 or 2", 26: "Zen 5"}.get(family, "")
    if vendor == "GenuineIntel" and family == 6:
        return INTEL.get(model, "")
    return ""


def processor_for_products() -> str:
    """The processor with its generation and what it has for products in f32 and bf16."""
    name, cores = processor()
    known = cpuinfo()
    family, model = known.get("cpu family", "0"), known.get("model", "0")
    parts = [name]
    if family.isdigit() and model.isdigit():
        parts.append(generation(known.get("vendor_id", ""), int(family), int(model)))
    parts.append(f"{cores} cores")
    flags = set(known.get("flags", "").split())
    sets = [f"{title}: {'yes' if flag in flags else 'no'}" for flag, title in INSTRUCTIONS.items()]
    return ", ".join(part for part in parts if part) + f" ({', '.join(sets)})"


def cpuinfo() -> dict[str, str]:
    """What Linux tells of the last core; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    return {key.strip(): value.strip() for key, value in pairs}


def available_mib() -> int:
    """The memory that a new process may take without swapping; a large number where unknown."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 1 << 30
    kib = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return kib[0] // 1024 if kib else 1 << 30
