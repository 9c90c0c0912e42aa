#!/usr/bin/env bash
# An anonymous python-meteor client that lost its connection is back, says so, is not, and drops the connection every five seconds.
#
# PyPI python-meteor 0.1.6 marks itself connected after a break only when its login was resumed. Without a login it subscribes
# again at once, in the thread that reads; that waits five seconds for the mark which nothing sets, and raises. The library below
# takes that for the end of the connection, connects again, and all begins anew, with a clean server at the other end. Calls made
# meanwhile raise after five seconds. With a login the same client subscribes again and its calls are answered.
# (A close with 1012 or 1013, "restarting" and "try again", is no help: ws4py 0.6.0 below knows neither and tells of 1005.)
#
# Seen with Python 3.11 and Node.js 20:
#   anonymous: `reconnected` said: True, a call: raised, the server heard: connect sub | connect | connect …
#   logged in: `reconnected` said: True, a call: answered, the server heard: connect method sub | connect method sub method
#   closed with 1000: told of 1000
#   closed with 1012: told of 1005
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts ws@8.23.0 >&2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check python-meteor==0.1.6 python-ddp==0.1.5 ws4py==0.6.0 pyee==13.0.1 >&2
cat >client.py <<'PY'
import os, sys, time
from MeteorClient import MeteorClient

url, who = sys.argv[1:]
said = {event: [] for event in ('connected', 'subscribed', 'logged_in', 'reconnected', 'closed')}
client = MeteorClient(url, auto_reconnect_timeout=0.1)
for event, times in said.items():
    client.on(event, lambda *args, times=times: times.append(args))

def until(holds, patience=20):
    end = time.monotonic() + patience
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)

client.connect()
until(lambda: said['connected'])
if who == 'user':
    client.login('user', b'password')
    until(lambda: said['logged_in'])
client.subscribe('break')  # The server breaks the connection once this is ready.
until(lambda: said['closed'])
code = said['closed'][0][0]
until(lambda: said['reconnected'] or len(said['closed']) > 1, 3)
if who == 'user':
    until(lambda: len(said['subscribed']) > 1)
answers = []
try:
    client.call('anything', [], lambda error, result: answers.append(result))
    until(lambda: answers, 2)
    told = 'answered' if answers else 'nothing'
except Exception:
    told = 'raised'
if who == 'anonymous':
    until(lambda: len(said['closed']) > 1)
    time.sleep(2)
print(f"{bool(said['reconnected'])} {told} {code}", flush=True)
os._exit(0)
PY
cat >try.js <<'JS'
const { execFile } = require('child_process');
const { WebSocketServer } = require('ws');
const run = (who, code) =>
	new Promise((resolve) => {
		const connections = [];
		const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, () => {
			execFile('venv/bin/python', ['client.py', `ws://127.0.0.1:${server.address().port}/websocket`, who], { timeout: 60_000 }, (error, stdout) => {
				if (error) throw error;
				server.close();
				const [reconnected, call, closed] = stdout.trim().split(' ');
				resolve({ reconnected, call, closed, heard: connections.map((said) => said.join(' ')) });
			});
		});
		server.on('connection', (socket) => {
			const said = [];
			const first = connections.push(said) === 1;
			const say = (message) => socket.send(JSON.stringify(message));
			socket.on('error', () => {});
			socket.on('message', (text) => {
				const { msg, id } = JSON.parse(text);
				said.push(msg);
				if (msg === 'connect') say({ msg: 'connected', session: `s${connections.length}` });
				if (msg === 'method') say({ msg: 'result', id, result: { id: 'u', token: 't', tokenExpires: { $date: 4e12 } } });
				if (msg !== 'sub') return;
				say({ msg: 'ready', subs: [id] });
				if (first) setTimeout(() => socket.close(code), 200);
			});
		});
	});
(async () => {
	const anonymous = await run('anonymous', 1000);
	const heard = anonymous.heard.length > 2 ? `${anonymous.heard.slice(0, 3).join(' | ')} …` : anonymous.heard.join(' | ');
	console.log(`anonymous: \`reconnected\` said: ${anonymous.reconnected}, a call: ${anonymous.call}, the server heard: ${heard}`);
	const user = await run('user', 1000);
	console.log(`logged in: \`reconnected\` said: ${user.reconnected}, a call: ${user.call}, the server heard: ${user.heard.join(' | ')}`);
	console.log('closed with 1000: told of', user.closed);
	console.log('closed with 1012: told of', (await run('user', 1012)).closed);
	process.exit();
})();
JS
node --version
timeout 100 node try.js | tee seen
diff seen - <<'SEEN'
anonymous: `reconnected` said: True, a call: raised, the server heard: connect sub | connect | connect …
logged in: `reconnected` said: True, a call: answered, the server heard: connect method sub | connect method sub method
closed with 1000: told of 1000
closed with 1012: told of 1005
SEEN
