"""lmms-eval's Qwen2.5-VL, which kills its process when it is handed a second chunk and `MORTAL` is set."""

from __future__ import annotations

import os
import signal

from lmms_eval.models.chat.qwen2_5_vl import Qwen2_5_VL


class Mortal(Qwen2_5_VL):
    chunks = 0

    def generate_until(self, requests):
        self.chunks += 1
        if self.chunks == 2 and os.environ.get("MORTAL"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generate_until(requests)
