"""PyPI `rocketchat-async`, the bots' library of Python.

    .cache/venv/bin/python tests/peers/clients/rocketchat_async.py --url ws://127.0.0.1:3000

The commands are those of lib/anyone.js, with what the library does not have left out: it connects when it logs in, and
never notices the answer to a subscription. `login` takes {user, password} as well.
"""

import asyncio
import json
import sys

# This file has the library's name.
sys.path.pop(0)
from rocketchat_async import RocketChat  # noqa: E402


def say(message):
    print(json.dumps(message), flush=True)


class Client:
    def __init__(self, url):
        self.address = f"{url}/websocket"
        self.chat = RocketChat()

    async def connect(self, **_):
        return None

    async def login(self, token=None, user=None, password=None, **_):
        if token is None:
            await self.chat.start(self.address, user, password)
        else:
            await self.chat.resume(self.address, user, token)
        return {"id": self.chat.user_id}

    async def listen(self, rid, **_):
        await self.chat.subscribe_to_channel_messages_raw(rid, lambda message: say({"message": message}))

    async def call(self, method, params, **_):
        if method != "sendMessage":
            raise ValueError(f"the library has no {method}")
        await self.chat.send_message(params[0]["msg"], params[0]["rid"])

    async def quit(self, **_):
        return None


async def main():
    client = Client(sys.argv[sys.argv.index("--url") + 1])
    say({"ready": True})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = json.loads(line)
        try:
            answer = await getattr(client, message["cmd"])(**message)
            say({"id": message["id"], "ok": answer})
        except Exception as error:
            say({"id": message["id"], "error": {"message": f"{type(error).__name__}: {error}"}})
        if message["cmd"] == "quit":
            break


asyncio.run(main())
