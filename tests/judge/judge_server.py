"""A judge on loopback in a process of its own: quick, and as unreliable as told.

    python judge_server.py LATENCY [FAULTS [SEED]]

Prints its port, then serves until its input closes. FAULTS is the share of calls that each of four kinds of trouble
befalls: 500, 429 with Retry-After, a cut connection, a hang. `GET /` returns what was served as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from typing import Any

DIMENSIONS = (
    "classification_correctness",
    "key_object_action_matching",
    "fluency",
    "informativeness",
    "factual_consistency",
)


class JudgeServer:
    def __init__(self, latency: float, faults: float, seed: int) -> None:
        self.latency, self.faults = latency, faults
        self.random = random.Random(seed)
        self.served: dict[str, int] = {"verdicts": 0, "500": 0, "429": 0, "cut": 0, "hang": 0}
        self.in_flight = self.peak = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1])) if length else b""
                if head.startswith(b"GET"):
                    content = json.dumps({**self.served, "peak": self.peak}).encode()
                    self.reply(writer, 200, content)
                elif not await self.answer(writer, json.loads(body)):
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, writer: asyncio.StreamWriter, body: dict[str, Any]) -> bool:
        """Serve a call; tell whether the connection stays."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            trouble = self.random.random()
            kind = int(trouble / self.faults) if self.faults else 9
            await asyncio.sleep(self.latency)
            if kind == 0:
                self.served["500"] += 1
                self.reply(writer, 500, b'{"error": {"message": "oops"}}')
            elif kind == 1:
                self.served["429"] += 1
                self.reply(writer, 429, b'{"error": {"message": "slow down"}}', "Retry-After: 0.2\r\n")
            elif kind == 2:
                self.served["cut"] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
                return False
            elif kind == 3:
                self.served["hang"] += 1
                await asyncio.sleep(30)
            else:
                self.served["verdicts"] += 1
                self.reply(writer, 200, reply(body))
            return True
        finally:
            self.in_flight -= 1

    def reply(self, writer: asyncio.StreamWriter, status: int, content: bytes, headers: str = "") -> None:
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)


def reply(body: dict[str, Any]) -> bytes:
    """Score every dimension by the number that ends the answer, such as `answer 17`, modulo 11."""
    number = re.findall(r"answer (\d+)", body["messages"][1]["content"])
    scores = dict.fromkeys(DIMENSIONS, int(number[-1]) % 11 if number else 5)
    message = {"role": "assistant", "content": json.dumps({"reason": "Seen.", **scores})}
    usage = {"prompt_tokens": 900, "completion_tokens": 60}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}).encode()


async def main(latency: float, faults: float, seed: int) -> None:
    judge = JudgeServer(latency, faults, seed)
    server = await asyncio.start_server(judge.serve, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    given = [float(a) for a in sys.argv[1:]] + [0.0, 0.0]
    asyncio.run(main(given[0], given[1], int(given[2])))
