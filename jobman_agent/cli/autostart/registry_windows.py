"""Windows: HKEY_CURRENT_USER itself."""

from __future__ import annotations

import sys
import winreg

from jobman_agent.errors import StorageError

assert sys.platform == "win32"


class UserRegistry:
    """What ``run_key`` needs of it."""

    def get(self, key: str, name: str) -> str | bytes | None:
        """A value; None where it or its key is not there."""
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                value = winreg.QueryValueEx(opened, name)[0]
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise StorageError(f"cannot read HKEY_CURRENT_USER\\{key}: {exc}") from exc
        return value if isinstance(value, (str, bytes)) else None

    def put(self, key: str, name: str, text: str) -> None:
        """Write a text, making the key."""
        try:
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
                winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, text)
        except OSError as exc:
            raise StorageError(f"cannot write HKEY_CURRENT_USER\\{key}: {exc}") from exc

    def remove(self, key: str, name: str) -> bool:
        """Remove a value; whether it was there."""
        access = winreg.KEY_READ | winreg.KEY_WRITE
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, access) as opened:
                winreg.DeleteValue(opened, name)
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise StorageError(f"cannot change HKEY_CURRENT_USER\\{key}: {exc}") from exc
        return True
