// The judge of src/markup/: `@rocket.chat/message-parser`, with the options that ephemeral messages are parsed with.
//
//   node markup-judge.js [--golden] [--package name] [folder with node_modules] < messages.ndjson
//
// `--package message-parser-7` is the version whose trees the clients of 6.x and 7.x draw.
//
// Reads messages as JSON strings, one a line, and prints the tree of each, one a line; with --golden `{"text":…,"tree":…}`,
// which it reads as well: tests/golden/markup.ndjson is its own input. A message that the package refuses (it refuses the
// empty one) gives null. Run it with TZ=UTC: a date without a zone is one of the process's.
'use strict';

const { createRequire } = require('module');
const path = require('path');
const readline = require('readline');

const args = process.argv.slice(2);
const golden = args.includes('--golden');
const named = args.indexOf('--package') + 1;
const name = named ? args[named] : '@rocket.chat/message-parser';
const folder = args.find((arg, at) => !arg.startsWith('--') && !(named && at === named)) ?? process.cwd();
const { parse } = createRequire(path.resolve(folder) + '/')(name);

const tree = (text) => {
	try {
		return parse(text, { emoticons: true });
	} catch {
		return null;
	}
};

readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on('line', (line) => {
	if (!line) {
		return;
	}
	const message = JSON.parse(line);
	const text = typeof message === 'string' ? message : message.text;
	process.stdout.write(`${JSON.stringify(golden ? { text, tree: tree(text) } : tree(text))}\n`);
});
