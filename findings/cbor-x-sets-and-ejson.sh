#!/usr/bin/env bash
# What CBOR carries and EJSON then drops: sets, maps and the keys of maps.
#
# cbor-x 1.2.1 with Moleculer's options decodes a set as a Set, which npm ejson 2.2.3 writes as {} without a word; a Map whose
# keys are objects comes back as a plain object with keys such as "[object Object]", so that two entries become one; and a
# BigInt64Array, which CBOR has a tag for, makes EJSON.stringify throw.
#
# Seen with Node.js 20:
#   set: {"a":{}}
#   map: {"a":{"[object Object]":2}}
#   big: Do not know how to serialize a BigInt
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts cbor-x@1.2.1 ejson@2.2.3 >&2
cat >try.js <<'JS'
const EJSON = require('ejson');
const { Encoder } = require('cbor-x');
const cbor = new Encoder({ useRecords: false, useTag259ForMaps: false });
const through = (a) => EJSON.stringify(cbor.decode(cbor.encode({ a })));
console.log('set:', through(new Set([1, 2])));
console.log('map:', through(new Map([[{ x: 1 }, 1], [{ x: 2 }, 2]])));
try {
	console.log('big:', through(BigInt64Array.of(1n)));
} catch (err) {
	console.log('big:', err.message);
}
JS
node --version
node try.js | tee seen
diff seen - <<'SEEN'
set: {"a":{}}
map: {"a":{"[object Object]":2}}
big: Do not know how to serialize a BigInt
SEEN
