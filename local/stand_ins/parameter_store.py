"""moto's Parameter Store, imported without moto's EC2, which takes as long as half of all that a test process imports.

Only a command that is sent to instances needs EC2; it is imported then.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _WhenAsked:
    """EC2 of every account, imported at the first look."""

    def __getitem__(self, account: str) -> Any:
        from moto.ec2 import ec2_backends

        return ec2_backends[account]


def _stand_in_for_ec2() -> ModuleType:
    module = ModuleType("moto.ec2")
    module.ec2_backends = _WhenAsked()  # type: ignore[attr-defined]
    return module


_is_imported = "moto.ec2" in sys.modules or "moto.ssm.models" in sys.modules
if not _is_imported:
    sys.modules["moto.ec2"] = _stand_in_for_ec2()
try:
    from moto.ssm.models import ssm_backends
    from moto.ssm.responses import SimpleSystemManagerResponse
finally:
    if not _is_imported:
        del sys.modules["moto.ec2"]

__all__ = ["SimpleSystemManagerResponse", "ssm_backends"]
