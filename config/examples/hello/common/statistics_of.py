"""Mean and standard deviation of the numbers in a file, one on each line."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

words = Path(sys.argv[1]).read_text(encoding="utf-8").split()
numbers = [float(word) for word in words]
result = {
    "count": len(numbers),
    "mean": statistics.fmean(numbers),
    "standard_deviation": statistics.stdev(numbers),
}
Path("result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
print(f"hello from a package with {len(numbers)} numbers")
