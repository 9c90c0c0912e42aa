#!/usr/bin/env bash
# What values of MongoDB become in EJSON, when a document of the driver is sent over the mesh as it is.
#
# npm ejson 2.2.3 knows nothing of bson's classes and writes their own fields, which differ between bson's releases: an ObjectId
# of 6.10.4 is its bytes, and one of 7.3.4 four numbers, from which nobody tells an id. Decimals, longs and patterns come back as
# plain objects that EJSON.equals holds for equal to the values; an ObjectId of 7.3.4 is not.
#
# Seen with Node.js 20:
#   6.10.4 ObjectId {"v":{"buffer":{"$binary":"UH8fd7z4bNeZQ5AR"}}} back as Object, equal: false
#   6.10.4 Decimal128 {"v":{"bytes":{"$binary":"bgAAAAAAAAAAAAAAAAA8MA=="}}} back as Object, equal: true
#   6.10.4 Long {"v":{"low":1,"high":2097152,"unsigned":false}} back as Object, equal: true
#   6.10.4 BSONRegExp {"v":{"pattern":"a","options":"i"}} back as Object, equal: true
#   7.3.4 ObjectId {"v":{"i0":5275423,"i1":7847160,"i2":7133081,"i3":4427793}} back as Object, equal: false
#   7.3.4 Decimal128 {"v":{"bytes":{"$binary":"bgAAAAAAAAAAAAAAAAA8MA=="}}} back as Object, equal: true
#   7.3.4 Long {"v":{"high":2097152,"low":1,"unsigned":false}} back as Object, equal: true
#   7.3.4 BSONRegExp {"v":{"pattern":"a","options":"i"}} back as Object, equal: true
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts ejson@2.2.3 bson-6@npm:bson@6.10.4 bson-7@npm:bson@7.3.4 >&2
cat >try.js <<'JS'
const EJSON = require('ejson');
for (const name of ['bson-6', 'bson-7']) {
	const bson = require(name);
	const { version } = JSON.parse(require('fs').readFileSync(`node_modules/${name}/package.json`, 'utf8'));
	const values = [
		new bson.ObjectId('507f1f77bcf86cd799439011'),
		bson.Decimal128.fromString('1.10'),
		bson.Long.fromString('9007199254740993'),
		new bson.BSONRegExp('a', 'i'),
	];
	for (const value of values) {
		const written = EJSON.stringify({ v: value });
		const back = EJSON.parse(written).v;
		console.log(version, value.constructor.name, written, `back as ${back.constructor.name}, equal: ${EJSON.equals(value, back)}`);
	}
}
JS
node --version
node try.js | tee seen
diff seen - <<'SEEN'
6.10.4 ObjectId {"v":{"buffer":{"$binary":"UH8fd7z4bNeZQ5AR"}}} back as Object, equal: false
6.10.4 Decimal128 {"v":{"bytes":{"$binary":"bgAAAAAAAAAAAAAAAAA8MA=="}}} back as Object, equal: true
6.10.4 Long {"v":{"low":1,"high":2097152,"unsigned":false}} back as Object, equal: true
6.10.4 BSONRegExp {"v":{"pattern":"a","options":"i"}} back as Object, equal: true
7.3.4 ObjectId {"v":{"i0":5275423,"i1":7847160,"i2":7133081,"i3":4427793}} back as Object, equal: false
7.3.4 Decimal128 {"v":{"bytes":{"$binary":"bgAAAAAAAAAAAAAAAAA8MA=="}}} back as Object, equal: true
7.3.4 Long {"v":{"high":2097152,"low":1,"unsigned":false}} back as Object, equal: true
7.3.4 BSONRegExp {"v":{"pattern":"a","options":"i"}} back as Object, equal: true
SEEN
