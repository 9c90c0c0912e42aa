// The judge of src/markup/: `@rocket.chat/message-parser`, with the options that ephemeral messages are parsed with.
//
//   node markup-judge.js [--golden] [folder with node_modules] < messages.ndjson
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
const folder = args.find((arg) => !arg.startsWith('--')) ?? process.cwd();
const { parse } = createRequire(path.resolve(folder) + '/')('@rocket.chat/message-parser');

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
