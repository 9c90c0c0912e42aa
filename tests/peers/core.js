'use strict';
// A Moleculer 0.14 node that plays a Rocket.Chat core (or a part of it) on a
// real NATS server.
//
//   node tests/peers/core.js --nats nats://127.0.0.1:4222 [options]
//
//   --node core-1            node id
//   --namespace ""           MS_NAMESPACE of the mesh
//   --serializer EJSON       EJSON, JSON, MsgPack, Notepack, CBOR, ProtoBuf
//   --release 6              6, 7, 8, 8.8, 8.9 or 9: what INFO lists and answers look like (core/services.js)
//   --services all           comma-separated; all = every one that is not optional
//   --protocol 4             5: a node of Moleculer 0.15, with its version check off
//   --balancer on            off: Moleculer's disableBalancer; NATS's queue groups balance instead
//   --heartbeat 10           seconds between heartbeats
//   --heartbeat-timeout 30   seconds until a silent node is given up
//   --otlp URL               spans of its own and contexts in what it sends (core/tracing.js)
//   --seed FILE              documents (seed.json)
//   --log                    Moleculer's log on standard error
//
// It says {"ready":true,"nodeID":…} once it has joined, and leaves when its
// standard input ends. Commands as in lib/control.js; lines are EJSON, so
// {"$date":0} is a date on its way to the mesh.
//
// Talking
//   broadcast   event, args, meta?, count?   to every node that listens; `count` times, where
//                                            the text "$n" inside args becomes 0, 1, …
//   broadcasts  list: [[event, args], …]     in this order
//   emit        event, args, groups?         balanced
//   call        action, params, nodeID?, timeout?, meta?    ok: the result
//   ping        nodeID?                      ok: {nodeID, elapsedTime, timeDiff}
//
// Listening: every call and event that came from other nodes is kept, as
//   {n, kind:"call",  name:"presence.newConnection", params:[…], meta, sender, timeout, requestID, level}
//   {n, kind:"event", name:"socket.connected", params:[…], meta, sender, broadcast, groups}
//   calls       match?, clear? (true)        ok: list; forgets them unless clear is false
//   await       match, count?, after?, timeout?   ok: list, as soon as it is complete (lib/journal.js: patterns)
//
// Changing the workspace (core/world.js, seed.json)
//   put         collection, docs             upsert by _id
//   remove      collection, ids
//   set         state                        merge patch of world.state: license {valid, modules},
//                                            clientVersions, loginServices, methods {name: {result|error|hang}},
//                                            visibility {hiddenFrom: {viewer: [uid…], "everybody" or
//                                            "untold"}, restricted: [uid…]}, videoConference {valid},
//                                            conferenceAccess, numberedUsers, settingValues
//   get         path                         "state", "presence", "users.alice-id", "rocketchat_room.GENERAL"
//
// Changing answers: the newest behaviour that fits a call decides
//   behave      action, params? (pattern), times?, and of: delay (ms), hold, never, answer, undefined: true,
//               error: {meteor: {error, reason?, details?, message?}}
//                    | {moleculer: {message, code, type, data, retryable}} | {plain: "message"}
//               or reset: true, action?      back to the usual answers
//   release     action?                      lets held answers go; ok: how many
//
// Changing INFO; answered when the new INFO is on its way
//   services    release?, add?, remove?, set?: names,
//               events?, actions?: {service: {add, remove}}       ok: [hosted services]
//               (authorization.canReadRoom, authorization.canAccessConference, presence.updateConnection
//               are there with release 8, or added by name; what a release brings is hosted when all are)
//
// The mesh
//   nodes                                    ok: [{id, available, seq, instanceID, hostname, client, services: [{name, events, actions}]}]
//   awaitNode   nodeID, available? (true), events?: [names], timeout?    ok: that node
//   leave                                    broker.stop(), answer, exit 0
//   crash                                    dies by SIGKILL, unanswered

const EJSON = require('ejson');
const { control, options } = require('./lib/control');
const { Journal } = require('./lib/journal');
const { Regenerator } = require('./core/errors');
const { Behaviours } = require('./core/behaviours');
const { numbered, usual } = require('./core/commands');
const { World } = require('./core/world');
const { Presence } = require('./core/presence');
const { SERVICES, usual: usualServices, describe } = require('./core/services');
const { ServiceBroker } = require('./core/moleculer');
const serializer = require('./core/serializer');

const opts = options({
	'nats': process.env.TRANSPORTER ?? 'nats://127.0.0.1:4222',
	'node': process.env.NODE_ID ?? 'core-1',
	'namespace': process.env.MS_NAMESPACE ?? '',
	'protocol': '4',
	'serializer': process.env.SERIALIZER ?? 'EJSON',
	'release': process.env.RELEASE ?? '6',
	'services': process.env.SERVICES ?? 'all',
	'balancer': 'on',
	'heartbeat': '10',
	'heartbeat-timeout': '30',
	'otlp': '',
	'seed': '',
	'log': false,
});

const journal = new Journal();
const behaviours = new Behaviours();
const world = new World(opts.seed || undefined);
const changes = {};
const registered = new Map();
let release = Number(opts.release);
let hosted = opts.services === 'all' ? usualServices(release) : opts.services.split(',').filter(Boolean);

/** Keeps what other nodes send, once a packet, however many services listen. */
const listening = {
	transitMessageHandler: (next) => (cmd, packet) => {
		const p = packet?.payload;
		if (cmd === 'REQ' && p) {
			const { action, params, meta, sender, timeout, requestID, level } = p;
			journal.add({ kind: 'call', name: action, params, meta, sender, timeout, requestID, level });
		} else if (cmd === 'EVENT' && p) {
			const { event, data, meta, sender, broadcast, groups } = p;
			journal.add({ kind: 'event', name: event, params: data, meta, sender, broadcast, groups });
		}
		return next(cmd, packet);
	},
};

const broker = new ServiceBroker({
	nodeID: opts.node,
	namespace: opts.namespace,
	transporter: {
		type: 'NATS',
		options: { url: opts.nats, waitOnFirstConnect: true, reconnectTimeWait: 50, reconnectJitter: 20, pingInterval: 1000, maxPingOut: 2 },
	},
	serializer: serializer(opts.serializer),
	transit: { disableVersionCheck: opts.protocol === '5' },
	disableBalancer: opts.balancer === 'off',
	heartbeatInterval: Number(opts.heartbeat),
	heartbeatTimeout: Number(opts['heartbeat-timeout']),
	requestTimeout: 60 * 1000,
	errorRegenerator: new Regenerator(),
	middlewares: [listening, ...(opts.otlp ? [require('./core/tracing').tracing(opts.otlp, 'core')] : [])],
	logger: opts.log,
	logLevel: 'debug',
	metrics: true,
	skipProcessEventRegistration: true,
});

const core = {
	world,
	release: () => release,
	broadcast: (event, args, callOpts) => broker.broadcast(event, args, callOpts),
};
core.presence = new Presence(world, core.broadcast, core.release);

/** What INFO says of a service now, to tell whether it has to be registered again. */
function outline(name) {
	const { events, actions } = describe(name, release, changes[name]);
	return JSON.stringify([events, actions]);
}

function schema(name) {
	const { events, actions, does, heard } = describe(name, release, changes[name]);
	return {
		name,
		actions: Object.fromEntries(
			actions.map((action) => [
				action,
				({ params }) => {
					const list = Array.isArray(params) ? params : [];
					return behaviours.answer(`${name}.${action}`, list, () => does[action]?.(core, ...list));
				},
			]),
		),
		events: Object.fromEntries(
			events.map((event) => [event, (ctx) => heard[event]?.(core, ctx.params)]),
		),
	};
}

function host(name) {
	if (!Object.hasOwn(SERVICES, name)) throw new Error(`no such service: ${name}; known: ${Object.keys(SERVICES).join(' ')}`);
	registered.set(name, outline(name));
	broker.createService(schema(name));
}

/** Registers again what has changed, and sends one INFO with the outcome. */
async function rehost(names) {
	const wanted = [...new Set(names)];
	const same = (name) => wanted.includes(name) && registered.get(name) === outline(name);
	for (const service of broker.services.filter((s) => s.name !== '$node' && !same(s.name))) {
		await broker.destroyService(service);
		registered.delete(service.name);
	}
	const added = wanted.filter((name) => !registered.has(name));
	for (const name of added) host(name);
	hosted = wanted;
	if (added.length) await broker.waitForServices(added, 10000, 5);
	await broker.registry.discoverer.sendLocalNodeInfo();
	return hosted;
}

function nodes() {
	return broker.registry.getNodeList({ withServices: true }).map((n) => ({
		id: n.id,
		local: n.local,
		available: n.available,
		seq: n.seq,
		instanceID: n.instanceID,
		hostname: n.hostname,
		ipList: n.ipList,
		client: n.client,
		cpu: n.cpu,
		services: (n.services ?? []).map((s) => ({
			name: s.name,
			events: Object.keys(s.events ?? {}),
			actions: Object.keys(s.actions ?? {}),
		})),
	}));
}

function awaitNode({ nodeID, available = true, events = [], timeout = 25000 }) {
	const signals = ['$node.connected', '$node.updated', '$node.disconnected', '$services.changed'];
	return new Promise((resolve, reject) => {
		const end = (act, value) => {
			clearTimeout(deadline);
			for (const s of signals) broker.localBus.off(s, look);
			act(value);
		};
		const look = () => {
			const node = nodes().find((n) => n.id === nodeID);
			const listed = node?.services.flatMap((s) => s.events) ?? [];
			const fits = available ? node?.available && events.every((e) => listed.includes(e)) : !node?.available;
			if (fits) end(resolve, node ?? null);
		};
		const deadline = setTimeout(() => end(reject, new Error(`node ${nodeID} not ${available ? '' : 'un'}available in ${timeout} ms`)), timeout);
		for (const s of signals) broker.localBus.on(s, look);
		look();
	});
}

async function leave() {
	await broker.stop();
	setImmediate(() => process.exit(0));
}

const commands = {
	async broadcast({ event, args = [], meta, count }) {
		if (count === undefined) return void (await broker.broadcast(event, args, { meta }));
		for (let n = 0; n < count; n += 1) await broker.broadcast(event, numbered(args, n), { meta });
		return undefined;
	},
	async broadcasts({ list }) {
		for (const [event, args] of list) await broker.broadcast(event, args);
	},
	async emit({ event, args = [], groups, meta }) {
		await broker.emit(event, args, { groups, meta });
	},
	async call({ action, params, nodeID, timeout, meta }) {
		return broker.call(action, params, { nodeID, timeout, meta });
	},
	ping: ({ nodeID, timeout = 2000 }) => broker.ping(nodeID, timeout),

	...usual({ journal, world, behaviours, presence: core.presence }),

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
	for (const name of hosted) host(name);
	await broker.start();
	say({ ready: true, nodeID: broker.nodeID });
}

start().catch((err) => {
	console.error(err);
	process.exit(1);
});
