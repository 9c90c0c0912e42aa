'use strict';
// How a test drives a peer: one JSON document a line, commands on standard
// input, answers and news on standard output. Anything else a library prints
// goes to standard error.
//
//   test → peer   {"id":1,"cmd":"<name>", …}
//   peer → test   {"id":1,"ok":<value or null>}
//                 {"id":1,"error":{"message":"…", …}}
//   peer → test   {"<news>":…}            without an id, unasked
//
// Commands start in the order they come; each is answered when it is done, so
// that answers may overtake one another. Standard input at its end means that
// the test is gone: the peer leaves as well.

const readline = require('readline');

console.log = console.error;
console.info = console.error;
console.debug = console.error;

function describe(err) {
	if (!(err instanceof Error)) return typeof err === 'object' && err ? err : { message: String(err) };
	const { name, message, code, type, retryable, data, nodeID, error, reason, details, errorType, isClientSafe } = err;
	return { name, message, code, type, retryable, data, nodeID, error, reason, details, errorType, isClientSafe };
}

/**
 * @param commands  name → function(message), may be async
 * @param options   parse, stringify: the codec of a line (JSON);
 *                  onEnd: standard input has ended
 */
function control(commands, { parse = JSON.parse, stringify = JSON.stringify, onEnd } = {}) {
	const say = (message) => process.stdout.write(`${stringify(message)}\n`);

	async function obey(line) {
		let message;
		try {
			message = parse(line);
		} catch (err) {
			return say({ id: null, error: { message: `not a command: ${err.message}` } });
		}
		const { id = null, cmd } = message;
		const command = Object.hasOwn(commands, cmd) ? commands[cmd] : undefined;
		try {
			if (!command) throw new Error(`no such command: ${cmd}`);
			const value = await command(message);
			say({ id, ok: value === undefined ? null : value });
		} catch (err) {
			say({ id, error: describe(err) });
		}
	}

	readline
		.createInterface({ input: process.stdin, crlfDelay: Infinity })
		.on('line', (line) => line.trim() && obey(line))
		.on('close', () => (onEnd ? onEnd() : process.exit(0)));

	return say;
}

/** `--name value` and `--switch` to an object; the defaults name what is known. */
function options(defaults, argv = process.argv.slice(2)) {
	const found = { ...defaults };
	for (let i = 0; i < argv.length; i += 1) {
		const name = argv[i].replace(/^--/, '');
		if (!argv[i].startsWith('--') || !Object.hasOwn(defaults, name)) {
			throw new Error(`unknown option ${argv[i]}; known: ${Object.keys(defaults).map((n) => `--${n}`).join(' ')}`);
		}
		found[name] = typeof defaults[name] === 'boolean' ? true : argv[(i += 1)];
	}
	return found;
}

module.exports = { control, options, describe };
