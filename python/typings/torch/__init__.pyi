# For pyright, which would otherwise take maskwright/torch.py for PyTorch where that is not installed.
from typing import Any

def __getattr__(name: str) -> Any: ...
