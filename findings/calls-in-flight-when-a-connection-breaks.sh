#!/usr/bin/env bash
# A call that the server carried out, and whose answer a break swallowed: five DDP clients, three outcomes, one of them "twice".
#
# All five connect again by themselves. Go's github.com/gopackage/ddp sends the call again with the id that it had, and the server,
# for which this is a new session, carries it out a second time: the caller sees one success. npm ddp 0.12.1 tells the caller of an
# error at once. npm asteroid 2.0.3, npm simpleddp 2.2.4 (without `maxTimeout`) and PyPI python-meteor 0.1.6 tell it nothing, ever, while
# later calls are answered. So a method that is not idempotent is safe with one of the five.
#
# Seen with Node.js 20, Go 1.26 and Python 3.11 (times carried out, what the caller was told, and a call after it):
#   npm ddp 0.12.1: 1 times, an error; later: answered
#   npm asteroid 2.0.3: 1 times, nothing; later: answered
#   npm simpleddp 2.2.4: 1 times, nothing; later: answered
#   PyPI python-meteor 0.1.6: 1 times, nothing; later: answered
#   Go gopackage/ddp: 2 times, a result; later: answered
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts ddp@0.12.1 asteroid@2.0.3 simpleddp@2.2.4 ws@8.23.0 >&2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check python-meteor==0.1.6 python-ddp==0.1.5 ws4py==0.6.0 pyee==13.0.1 >&2
cat >caller.py <<'PY'
import os, sys, time
from MeteorClient import MeteorClient

told = {}
client = MeteorClient(sys.argv[1], auto_reconnect_timeout=0.1)
logins = []
client.on('logged_in', logins.append)

def until(holds):
    while not holds():
        time.sleep(0.01)

client.connect()
until(lambda: client.connected)
client.login('user', b'password')
until(lambda: logins)
client.call('transfer', [], lambda error, result: told.update(transfer='an error' if error else 'a result'))
until(lambda: len(logins) == 2)
client.call('later', [], lambda error, result: told.update(later='answered'))
time.sleep(1)
print(told.get('transfer', 'nothing') + '; later: ' + told.get('later', 'nothing'), flush=True)
os._exit(0)
PY
mkdir caller
cat >caller/main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/gopackage/ddp"
)

func main() {
	log.SetOutput(io.Discard)
	client := ddp.NewClient(os.Args[1], "http://127.0.0.1/")
	client.ReconnectInterval = 100 * time.Millisecond
	if err := client.Connect(); err != nil {
		panic(err)
	}
	told := "nothing"
	select {
	case call := <-client.Go("transfer", nil).Done:
		told = "a result"
		if call.Error != nil {
			told = "an error"
		}
	case <-time.After(3 * time.Second):
	}
	if _, err := client.Call("later"); err != nil {
		panic(err)
	}
	fmt.Println(told + "; later: answered")
}
GO
cat >caller/go.mod <<'MOD'
module caller

go 1.23

require github.com/gopackage/ddp v0.0.0-20170117053602-652027933df4

require golang.org/x/net v0.58.0
MOD
(cd caller && go mod tidy 2>/dev/null && go build -o ../call . && go version) >&2
cat >try.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const { execFile } = require('child_process');
const { WebSocketServer, WebSocket } = require('ws');
const DDPClient = require('ddp');
const { createClass } = require('asteroid');
const Simple = require('simpleddp').default ?? require('simpleddp');

const options = (url) => ({ endpoint: url, SocketConstructor: WebSocket, reconnectInterval: 100 });
const transferring = async (call, back) => {
	let told = 'nothing';
	call('transfer').then(
		() => (told = 'a result'),
		() => (told = 'an error'),
	);
	await back();
	const later = await Promise.race([call('later').then(() => 'answered'), sleep(2000, 'nothing')]);
	await sleep(1000);
	return `${told}; later: ${later}`;
};
const other = (program, ...args) => new Promise((resolve, reject) => execFile(program, args, { timeout: 40_000 }, (error, stdout) => (error ? reject(error) : resolve(stdout.trim()))));
const clients = {
	async 'npm ddp 0.12.1'(url, back) {
		const client = new DDPClient({ url, autoReconnect: true, autoReconnectTimer: 100 });
		await new Promise((resolve) => client.connect(resolve));
		return transferring((method) => new Promise((resolve, reject) => client.call(method, [], (error, result) => (error ? reject(error) : resolve(result)))), back);
	},
	async 'npm asteroid 2.0.3'(url, back) {
		const client = new (createClass())(options(url));
		await new Promise((resolve) => client.ddp.on('connected', resolve));
		return transferring((method) => client.call(method), back);
	},
	async 'npm simpleddp 2.2.4'(url, back) {
		const client = new Simple(options(url));
		await client.connect();
		return transferring((method) => client.call(method), back);
	},
	'PyPI python-meteor 0.1.6': (url) => other('venv/bin/python', 'caller.py', url),
	'Go gopackage/ddp': (url) => other('./call', url),
};
(async () => {
	for (const [name, run] of Object.entries(clients)) {
		const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
		await new Promise((resolve) => server.once('listening', resolve));
		let sessions = 0;
		let carriedOut = 0;
		let back;
		const again = new Promise((resolve) => (back = resolve));
		server.on('connection', (socket) => {
			const session = ++sessions;
			const say = (message) => socket.send(JSON.stringify(message));
			socket.on('message', (text) => {
				const { msg, id, method } = JSON.parse(text);
				if (msg === 'connect') {
					say({ msg: 'connected', session: `s${session}` });
					// Time enough for whatever a client does by itself when it is back.
					if (session > 1) setTimeout(back, 200);
				}
				if (msg !== 'method') return;
				if (method === 'transfer') {
					carriedOut += 1;
					if (session === 1) return socket.close(1001);
				}
				say({ msg: 'result', id, result: { id: 'u', token: 't', tokenExpires: { $date: 4e12 } } });
				say({ msg: 'updated', methods: [id] });
			});
		});
		const told = await run(`ws://127.0.0.1:${server.address().port}/websocket`, () => again);
		console.log(`${name}: ${carriedOut} times, ${told}`);
	}
	process.exit();
})();
JS
node --version
timeout 60 node try.js | tee seen
diff seen - <<'SEEN'
npm ddp 0.12.1: 1 times, an error; later: answered
npm asteroid 2.0.3: 1 times, nothing; later: answered
npm simpleddp 2.2.4: 1 times, nothing; later: answered
PyPI python-meteor 0.1.6: 1 times, nothing; later: answered
Go gopackage/ddp: 2 times, a result; later: answered
SEEN
