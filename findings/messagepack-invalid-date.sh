#!/usr/bin/env bash
# An invalid date becomes 1970 in both MessagePack packages that Moleculer can use.
#
# msgpack5 6.1.0 and notepack.io 3.0.1 have no form for `new Date(NaN)` and write the timestamp 0 without a word; cbor-x 1.2.1
# and JSON keep it invalid. A client's {"$date":"soon"} is such a date after EJSON.parse: in a mesh with SERIALIZER=MsgPack
# or Notepack the core then reads 1970-01-01.
#
# Seen with Node.js 20:
#   msgpack5 6.1.0: 1970-01-01T00:00:00.000Z
#   notepack.io 3.0.1: 1970-01-01T00:00:00.000Z
#   cbor-x 1.2.1: Invalid Date
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts msgpack5@6.1.0 notepack.io@3.0.1 cbor-x@1.2.1 ejson@2.2.3 >&2
cat >try.js <<'JS'
const EJSON = require('ejson');
const { Encoder } = require('cbor-x');
const msgpack5 = require('msgpack5')();
const notepack = require('notepack.io');
const cbor = new Encoder({ useRecords: false });
const date = EJSON.parse('{"at":{"$date":"soon"}}');
const told = ({ at }) => (Number.isNaN(at.getTime()) ? 'Invalid Date' : at.toISOString());
console.log('msgpack5 6.1.0:', told(msgpack5.decode(msgpack5.encode(date).slice())));
console.log('notepack.io 3.0.1:', told(notepack.decode(notepack.encode(date))));
console.log('cbor-x 1.2.1:', told(cbor.decode(cbor.encode(date))));
JS
node --version
node try.js | tee seen
diff seen - <<'SEEN'
msgpack5 6.1.0: 1970-01-01T00:00:00.000Z
notepack.io 3.0.1: 1970-01-01T00:00:00.000Z
cbor-x 1.2.1: Invalid Date
SEEN
