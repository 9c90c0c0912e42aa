'use strict';
// The same core as core.js, on the plain NATS broker of 8.x (reference/mesh.md):
// the `nats` package, its services API, and no Moleculer.
//
//   node tests/peers/nats-core.js --nats nats://127.0.0.1:4222 [options]
//
//   --node core-1            node id; every character outside [A-Za-z0-9_-] becomes _
//   --release 8              what the services offer (core/services.js)
//   --services all           comma-separated; all = every one that is not optional
//   --seed FILE              documents (seed.json)
//
// --namespace, --serializer, --heartbeat, --heartbeat-timeout and --log are
// those of core.js: understood, without effect.
//
// Commands and news are those of core.js, with what this broker has:
//
//   emit        no groups to choose: one node of each service that listens
//   call        no meta; with nodeID, that instance
//   calls, await   {n, kind, name, params}; what arrives tells no sender
//   nodes       ok: [{id, local, available, services: [{name, actions}]}]
//   awaitNode   events are not told and not waited for: who answers has subscribed
//   ping        ok: {elapsedTime}, of the way to the server

const EJSON = require('ejson');
const { Empty, connect, createInbox } = require('nats');
const { control, options } = require('./lib/control');
const { Journal } = require('./lib/journal');
const { Behaviours } = require('./core/behaviours');
const { numbered, usual } = require('./core/commands');
const { World } = require('./core/world');
const { Presence } = require('./core/presence');
const { SERVICES, usual: usualServices, describe } = require('./core/services');

const opts = options({
	'nats': process.env.NATS_URL ?? process.env.TRANSPORTER ?? 'nats://127.0.0.1:4222',
	'node': process.env.NODE_ID ?? 'core-1',
	'release': process.env.RELEASE ?? '8',
	'services': process.env.SERVICES ?? 'all',
	'seed': '',
	'namespace': '',
	'serializer': 'EJSON',
	'heartbeat': '10',
	'heartbeat-timeout': '30',
	'log': false,
});

const NODE_ID = 'rocketchat-node-id';
const REQUEST_TIMEOUT = 60 * 1000;
const NO_RESPONDERS = '503';
/** After each, a request that reached nobody is sent again. */
const PAUSES = [100, 250, 500, 1000, 2000];
/** Everybody on this machine answers in this time. */
const ROUND = 100;

const token = (nodeID) => nodeID.replace(/[^A-Za-z0-9_-]/g, '_');
const own = token(opts.node);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const journal = new Journal();
const behaviours = new Behaviours();
const world = new World(opts.seed || undefined);
const changes = {};
/** name → {outline, service} */
const registered = new Map();
/** event → subscription: one for all services of this process, so that each event is kept once. */
const heardEvents = new Map();
/** service → subscriptions to balanced events, in its group */
const heardEmits = new Map();
let release = Number(opts.release);
let hosted = opts.services === 'all' ? usualServices(release) : opts.services.split(',').filter(Boolean);
let nc;
let asker;

const encode = (value) => (value === undefined ? Empty : Buffer.from(EJSON.stringify(value)));
const decode = (data) => (data.length ? EJSON.parse(Buffer.from(data).toString()) : undefined);

/** The arguments of an event; `undefined` where they cannot be read, which is for the listeners of other nodes to judge. */
function argsOf(msg) {
	try {
		return decode(msg.data) ?? [];
	} catch {
		return undefined;
	}
}

const core = {
	world,
	release: () => release,
	async broadcast(event, args = []) {
		nc.publish(`event.${event}`, encode(args));
		hear(event, args);
	},
};
core.presence = new Presence(world, core.broadcast, core.release);

/** What the own services do about an event. */
function hear(event, args) {
	for (const name of registered.keys()) describe(name, release, changes[name]).heard[event]?.(core, ...args);
}

function outline(name) {
	const { events, actions } = describe(name, release, changes[name]);
	return JSON.stringify([events, actions]);
}

/** The body of an error. */
function plain(err) {
	const { isClientSafe, errorType, error, reason, message, details, stack } = err instanceof Error ? err : new Error(String(err));
	return errorType === 'Meteor.Error' ? { isClientSafe, errorType, error, reason, message, details } : { message, stack };
}

/** A header is a line. */
const line = (err) => String(err?.message ?? err).replace(/\s+/g, ' ').trim().slice(0, 200) || 'service error';

const run = (name, action, list) => {
	const { does } = describe(name, release, changes[name]);
	return behaviours.answer(`${name}.${action}`, list, () => does[action]?.(core, ...list));
};

async function host(name) {
	if (!Object.hasOwn(SERVICES, name)) throw new Error(`no such service: ${name}; known: ${Object.keys(SERVICES).join(' ')}`);
	const { events, actions } = describe(name, release, changes[name]);
	const service = await nc.services.add({ name, version: '0.1.0', metadata: { [NODE_ID]: own } });
	const groups = [service.addGroup(`rpc.${name}`), service.addGroup(`node.${own}.${name}`)];
	for (const action of actions) {
		const handler = async (_, msg) => {
			const list = decode(msg.data) ?? [];
			journal.add({ kind: 'call', name: `${name}.${action}`, params: list });
			try {
				msg.respond(encode(await run(name, action, list)));
			} catch (err) {
				msg.respondError(500, line(err), encode(plain(err)));
			}
		};
		for (const group of groups) group.addEndpoint(action, handler);
	}
	registered.set(name, { outline: outline(name), service });
	for (const event of events) listen(event);
	const balanced = events.filter((event) => !event.startsWith('$'));
	heardEmits.set(name, balanced.map((event) => listenInGroup(name, event)));
}

/** One node of each service hears a balanced event. */
function listenInGroup(name, event) {
	const callback = (_, msg) => {
		const params = argsOf(msg);
		if (!params) return;
		journal.add({ kind: 'event', name: event, params, broadcast: false, groups: [name] });
		describe(name, release, changes[name]).heard[event]?.(core, ...params);
	};
	return nc.subscribe(`emit.${event}`, { queue: name, callback });
}

function listen(event) {
	if (event.startsWith('$') || heardEvents.has(event)) return;
	const callback = (_, msg) => {
		const params = argsOf(msg);
		if (!params) return;
		journal.add({ kind: 'event', name: event, params });
		hear(event, params);
	};
	heardEvents.set(event, nc.subscribe(`event.${event}`, { callback }));
}

/** Registers again what has changed. */
async function rehost(names) {
	const wanted = [...new Set(names)];
	const same = (name) => wanted.includes(name) && registered.get(name)?.outline === outline(name);
	for (const [name, { service }] of [...registered].filter(([name]) => !same(name))) {
		registered.delete(name);
		for (const subscription of heardEmits.get(name) ?? []) subscription.unsubscribe();
		heardEmits.delete(name);
		await service.stop();
	}
	for (const name of wanted.filter((name) => !registered.has(name))) await host(name);
	const events = new Set(wanted.flatMap((name) => describe(name, release, changes[name]).events));
	for (const [event, subscription] of [...heardEvents].filter(([event]) => !events.has(event))) {
		subscription.unsubscribe();
		heardEvents.delete(event);
	}
	hosted = wanted;
	await nc.flush();
	return hosted;
}

/** A request that reached nobody is sent again; nothing else is. */
async function request(subject, payload, timeout) {
	for (const wait of [...PAUSES, undefined]) {
		try {
			return await asker.request(subject, payload, { timeout });
		} catch (err) {
			if (err.code !== NO_RESPONDERS || wait === undefined) throw err;
			await pause(wait);
		}
	}
	return undefined;
}

async function call({ action, params, nodeID, timeout = REQUEST_TIMEOUT }) {
	const subject = nodeID ? `node.${token(nodeID)}.${action}` : `rpc.${action}`;
	const msg = await request(subject, encode(params), timeout);
	if (!msg.headers?.get('Nats-Service-Error-Code')) return decode(msg.data);
	const body = decode(msg.data) ?? { message: msg.headers.get('Nats-Service-Error') };
	throw Object.assign(new Error(body.message), body);
}

/** Everybody's answers to a question of the service protocol. */
async function round(verb) {
	const inbox = createInbox();
	const found = [];
	const subscription = asker.subscribe(inbox, {
		callback: (_, msg) => {
			if (msg.data.length) found.push(JSON.parse(Buffer.from(msg.data).toString()));
		},
	});
	asker.publish(`$SRV.${verb}`, Empty, { reply: inbox });
	await pause(ROUND);
	subscription.unsubscribe();
	return found.filter(({ metadata }) => metadata?.[NODE_ID]);
}

async function nodes() {
	const all = new Map();
	for (const { name, metadata, endpoints } of await round('INFO')) {
		const id = metadata[NODE_ID];
		if (!all.has(id)) all.set(id, { id, local: id === own, available: true, services: [] });
		const actions = endpoints.map(({ subject }) => subject).filter((subject) => subject.startsWith('rpc.'));
		all.get(id).services.push({ name, actions: actions.map((subject) => subject.slice('rpc.'.length)) });
	}
	return [...all.values()];
}

async function awaitNode({ nodeID, available = true, timeout = 25000 }) {
	const deadline = Date.now() + timeout;
	for (;;) {
		const node = (await nodes()).find(({ id }) => id === token(nodeID));
		if (!!node === available) return node ?? null;
		if (Date.now() > deadline) throw new Error(`node ${nodeID} not ${available ? '' : 'un'}available in ${timeout} ms`);
	}
}

async function leave() {
	await Promise.all([nc.drain(), asker.close()]);
	setImmediate(() => process.exit(0));
}

const commands = {
	...usual({ journal, world, behaviours, presence: core.presence }),

	async broadcast({ event, args = [], count }) {
		if (count === undefined) return core.broadcast(event, args);
		for (let n = 0; n < count; n += 1) await core.broadcast(event, numbered(args, n));
		return undefined;
	},
	async broadcasts({ list }) {
		for (const [event, args] of list) await core.broadcast(event, args);
	},
	emit({ event, args = [] }) {
		nc.publish(`emit.${event}`, encode(args));
	},
	call,
	async ping() {
		return { elapsedTime: await nc.rtt() };
	},

	async services({ release: newRelease, add = [], remove = [], set, events = {}, actions = {} }) {
		if (newRelease) {
			const former = usualServices(release);
			release = Number(newRelease);
			if (opts.services === 'all') hosted = hosted.concat(usualServices(release).filter((name) => !former.includes(name)));
		}
		for (const [name, change] of Object.entries(events)) changes[name] = { ...changes[name], events: change };
		for (const [name, change] of Object.entries(actions)) changes[name] = { ...changes[name], actions: change };
		return rehost((set ?? hosted).concat(add).filter((name) => !remove.includes(name)));
	},

	nodes,
	awaitNode,
	leave,
	crash: () => process.kill(process.pid, 'SIGKILL'),
};

const say = control(commands, { parse: EJSON.parse, stringify: EJSON.stringify, onEnd: () => leave().catch(() => process.exit(1)) });

async function start() {
	const wire = {
		servers: opts.nats,
		name: own,
		waitOnFirstConnect: true,
		maxReconnectAttempts: -1,
		reconnectTimeWait: 50,
		reconnectJitter: 20,
		pingInterval: 1000,
		maxPingOut: 2,
	};
	// Own events do not come back, and are not kept; what this process asks may be answered by itself.
	[nc, asker] = await Promise.all([connect({ ...wire, noEcho: true }), connect(wire)]);
	for (const name of hosted) await host(name);
	await nc.flush();
	say({ ready: true, nodeID: own });
}

start().catch((err) => {
	console.error(err);
	process.exit(1);
});
