"""``jobman doctor``: one look at everything that decides whether this PC can work, and how well.

Each section is a look: a function that yields lines as it finds them. ``examine`` runs all looks at
once, each in a thread of its own, and takes what they have found by a deadline: whatever hangs, the
rest is told. A look changes nothing on this PC; what it makes to try something it removes again.
"""

from __future__ import annotations
