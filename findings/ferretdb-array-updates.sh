#!/usr/bin/env bash
# FerretDB acknowledges changes of arrays that it does not make, and a unique index over arrays that it does not keep.
#
# Most of what FerretDB 1.24.2 (SQLite) lacks it refuses with an error. These go through in silence: $pull with a condition removes
# nothing; $push leaves $sort, $slice and $position aside; $unset of an element takes it
# out, so that those behind it move, where MongoDB documents null in its place; two documents share what a unique index on a field inside
# an array forbids; sorting by such a field sorts nothing. A program tested against it does something else on MongoDB.
#
# Needs Go 1.24 or later; building takes some minutes the first time. Seen with Node.js 20:
#   $pull by value: modified 1, [1,9]
#   $pull by condition: modified 0, [1,5,9]
#   $pull by field: modified 0, [{"id":"x","n":1},{"id":"y","n":2}]
#   $push to the front: modified 1, [3,1,2]
#   $push, the last two: modified 1, [3,1,2]
#   $unset an element: modified 1, [1,3]
#   unique emails.address: 2 have the same
#   sorted up: 2 1 3, down: 2 1 3
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts mongodb@6.22.0 >&2
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// A server on a free port of this machine, until its input ends.
func main() {
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:   "sqlite",
		SQLiteURL: "file:" + os.Args[1] + "/",
		Logger:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	fmt.Println(db.MongoDBURI())
	_ = db.Run(ctx)
}
GO
go mod init try 2>/dev/null
GOFLAGS=-mod=mod go get github.com/FerretDB/FerretDB@v1.24.2 >&2
GOFLAGS=-mod=mod go build -o ferretdb . >&2
mkdir state
mkfifo input
: >uri
./ferretdb state <input >uri &
server=$!
exec 3>input
for _ in $(seq 100); do
	URI=$(cat uri)
	[ -z "$URI" ] || break
	sleep 0.1
done
[ -n "$URI" ]
export URI
cat >try.js <<'JS'
const { MongoClient } = require('mongodb');
(async () => {
	const client = await new MongoClient(process.env.URI).connect();
	const db = client.db('try');
	const things = db.collection('things');
	const update = async (what, a, change) => {
		await things.deleteMany({});
		await things.insertOne({ _id: 1, a });
		const { modifiedCount } = await things.updateOne({ _id: 1 }, change);
		console.log(`${what}: modified ${modifiedCount}, ${JSON.stringify((await things.findOne()).a)}`);
	};
	await update('$pull by value', [1, 5, 9], { $pull: { a: 5 } });
	await update('$pull by condition', [1, 5, 9], { $pull: { a: { $gte: 5 } } });
	await update('$pull by field', [{ id: 'x', n: 1 }, { id: 'y', n: 2 }], { $pull: { a: { id: 'x' } } });
	await update('$push to the front', [3, 1], { $push: { a: { $each: [2], $position: 0 } } });
	await update('$push, the last two', [3, 1], { $push: { a: { $each: [2], $sort: 1, $slice: -2 } } });
	await update('$unset an element', [1, 2, 3], { $unset: { 'a.1': '' } });
	const people = db.collection('people');
	await people.createIndex({ 'emails.address': 1 }, { unique: true });
	for (const _id of ['ada', 'bob']) await people.insertOne({ _id, emails: [{ address: 'one@example.com' }] });
	console.log(`unique emails.address: ${await people.countDocuments({ 'emails.address': 'one@example.com' })} have the same`);
	const ranks = db.collection('ranks');
	await ranks.insertMany([2, 1, 3].map((n) => ({ _id: n, of: [{ n }] })));
	const by = async (order) => (await ranks.find().sort({ 'of.n': order }).toArray()).map(({ _id }) => _id).join(' ');
	console.log(`sorted up: ${await by(1)}, down: ${await by(-1)}`);
	await client.close();
})();
JS
node --version
node try.js | tee seen
diff seen - <<'SEEN'
$pull by value: modified 1, [1,9]
$pull by condition: modified 0, [1,5,9]
$pull by field: modified 0, [{"id":"x","n":1},{"id":"y","n":2}]
$push to the front: modified 1, [3,1,2]
$push, the last two: modified 1, [3,1,2]
$unset an element: modified 1, [1,3]
unique emails.address: 2 have the same
sorted up: 2 1 3, down: 2 1 3
SEEN
