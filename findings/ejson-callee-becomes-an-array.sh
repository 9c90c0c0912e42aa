#!/usr/bin/env bash
# npm ejson 2.2.3 reads an object that has a field named `callee` as an array: what it had is gone.
#
# EJSON.parse copies what JSON.parse made before it looks for special objects, and the copy takes any object with a field
# `callee` for a function's `arguments`. A call's {"callee":{…},"type":"video"} arrives as []; with a `length` and
# numbered fields, those are the elements. An object in the place of the whole document that is special itself is not
# copied.
#
# Seen with Node.js 20.20.2 on Debian 12, of three texts:
#   {"call":{"callee":{"id":"bob"},"type":"video"}}           {"call":[]}
#   {"call":{"caller":{"id":"bob"},"type":"video"}}           as it was
#   {"call":{"callee":"bob","length":2,"0":"a","1":"b"}}      {"call":["a","b"]}
#
# Outside CI. Fails when the behaviour has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --ignore-scripts --silent --no-audit --no-fund ejson@2.2.3
seen=$(node -e '
const EJSON = require("ejson");
for (const json of [
	`{"call":{"callee":{"id":"bob"},"type":"video"}}`,
	`{"call":{"caller":{"id":"bob"},"type":"video"}}`,
	`{"call":{"callee":"bob","length":2,"0":"a","1":"b"}}`,
]) console.log(JSON.stringify(EJSON.parse(json)));
')
expected='{"call":[]}
{"call":{"caller":{"id":"bob"},"type":"video"}}
{"call":["a","b"]}'
printf 'node %s, ejson %s\n%s\n' "$(node --version)" "$(node -p 'require("ejson/package.json").version')" "$seen"
[ "$seen" = "$expected" ]
