// The judge of src/ejson/readable: npm `ejson`, which the core's nodes read with.
//
//   node ejson-judge.js [folder with node_modules] < documents
//
// Reads documents, each as a JSON string, one a line; prints whether it takes each, one a line.
'use strict';

const { createRequire } = require('module');
const path = require('path');
const readline = require('readline');

const EJSON = createRequire(path.resolve(process.argv[2] ?? process.cwd()) + '/')('ejson');

const takes = (document) => {
	try {
		EJSON.parse(document);
		return true;
	} catch {
		return false;
	}
};

readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on('line', (line) => {
	if (line) process.stdout.write(`${takes(JSON.parse(line))}\n`);
});
