// A raw-DDP connection: one WebSocket (in socket.js), methods, publications, published documents.
// It reconnects by itself; who uses it logs in and subscribes again on `open`.

const PAUSES = [250, 500, 1000, 2000, 4000];

export class MethodError extends Error {
	constructor({ error, reason, message, details }) {
		super(reason || message || String(error));
		Object.assign(this, { code: error, details });
	}
}

export class Ddp extends EventTarget {
	#url;
	#socket;
	#isOpen = false;
	#next = 1;
	#pending = new Map();
	#subs = new Map();
	#attempt = 0;
	#timer = 0;
	#stopped = false;

	/** @param {string} url ws://host:port/websocket */
	constructor(url) {
		super();
		this.#url = url;
		this.#socket = new Worker('socket.js');
		this.#socket.onmessage = ({ data }) => this.#heard(data);
	}

	#heard({ opened, text, at, closed }) {
		if (opened) {
			this.#isOpen = true;
			this.#send({ msg: 'connect', version: '1', support: ['1'] });
		} else if (closed) {
			this.#isOpen = false;
			this.#closed(closed.code, closed.reason);
		} else {
			this.#receive(text, at - performance.timeOrigin);
		}
	}

	open() {
		this.#stopped = false;
		this.#socket.postMessage({ open: this.#url });
	}

	/** The end: no coming back. */
	stop() {
		this.#stopped = true;
		clearTimeout(this.#timer);
		this.#socket.postMessage({ close: true });
		// Time for the closing handshake.
		setTimeout(() => this.#socket.terminate(), 1000);
	}

	/** Hold off: the service has thrown us out, somebody must decide to come back. */
	pause() {
		this.#stopped = true;
		clearTimeout(this.#timer);
	}

	get connected() {
		return this.session !== undefined;
	}

	/** Calls a method; resolves to its result when that has come. */
	call(method, ...params) {
		return new Promise((resolve, reject) => {
			if (!this.connected) return reject(new MethodError({ error: 'offline', reason: 'Not connected' }));
			const id = String(this.#next++);
			this.#pending.set(id, { resolve, reject, method, began: performance.now() });
			this.#send({ msg: 'method', id, method, params });
		});
	}

	/** Subscribes; `changed` is called with (eventName, args, frame). Resolves when it is ready. */
	sub(name, params, changed) {
		const id = `s${this.#next++}`;
		return new Promise((resolve, reject) => {
			const stop = () => {
				if (this.#subs.delete(id) && this.connected) this.#send({ msg: 'unsub', id });
			};
			this.#subs.set(id, { name, event: params[0], changed, ready: () => resolve(stop), refused: reject });
			this.#send({ msg: 'sub', id, name, params });
		});
	}

	#send(message) {
		if (!this.#isOpen) return;
		const text = JSON.stringify(message);
		this.#socket.postMessage({ send: text });
		this.#tell('frame', { way: 'out', text, message, at: performance.now() });
	}

	#tell(type, detail) {
		this.dispatchEvent(new CustomEvent(type, { detail }));
	}

	/** `at`: when it arrived, by the page's clock. */
	#receive(text, at) {
		const message = JSON.parse(text);
		this.#tell('frame', { way: 'in', text, message, at });
		switch (message.msg) {
			case 'connected':
				this.session = message.session;
				this.#attempt = 0;
				this.#tell('open', { session: message.session });
				break;
			case 'ping':
				this.#send(message.id === undefined ? { msg: 'pong' } : { msg: 'pong', id: message.id });
				break;
			case 'result': {
				const call = this.#pending.get(message.id);
				this.#pending.delete(message.id);
				if (!call) break;
				this.#tell('result', { method: call.method, took: at - call.began, failed: !!message.error });
				if (message.error) call.reject(new MethodError(message.error));
				else call.resolve(message.result);
				break;
			}
			case 'ready':
				for (const id of message.subs) this.#subs.get(id)?.ready();
				break;
			case 'nosub': {
				const sub = this.#subs.get(message.id);
				this.#subs.delete(message.id);
				if (message.error) sub?.refused(new MethodError(message.error));
				else sub?.ready();
				break;
			}
			case 'changed':
				this.#changed(message);
				break;
			case 'added':
				this.#tell('added', message);
				break;
		}
	}

	#changed(message) {
		const { eventName, args } = message.fields ?? {};
		for (const sub of this.#subs.values()) {
			// A presence update carries the user's id as event name, whatever was subscribed to.
			const meant = sub.event === eventName || sub.name === 'stream-user-presence';
			if (sub.name === message.collection && meant) sub.changed?.(eventName, args ?? [], message);
		}
	}

	#closed(code, reason) {
		const was = this.session;
		this.session = undefined;
		for (const { reject } of this.#pending.values()) reject(new MethodError({ error: 'closed', reason: 'The connection was closed' }));
		for (const { refused } of this.#subs.values()) refused(new MethodError({ error: 'closed', reason: 'The connection was closed' }));
		this.#pending.clear();
		this.#subs.clear();
		this.#tell('close', { code, reason, opened: was !== undefined });
		if (this.#stopped) return;
		const pause = PAUSES[Math.min(this.#attempt++, PAUSES.length - 1)];
		this.#timer = setTimeout(() => this.open(), pause * (0.75 + Math.random() / 2));
	}
}
