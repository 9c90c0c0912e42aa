// The socket of one person, in a worker: the page may be busy drawing, and the moment of a frame's arrival must not wait for that.
//
//   page → worker   {open: url} | {send: text} | {close: true}
//   worker → page   {opened: true} | {text, at} | {closed: {code, reason}}; `at` in ms since 1970, this machine's clock

let socket = null;

self.onmessage = ({ data }) => {
	if (data.send !== undefined) socket?.readyState === WebSocket.OPEN && socket.send(data.send);
	else if (data.open) open(data.open);
	else if (data.close) socket?.close();
};

function open(url) {
	const own = (socket = new WebSocket(url));
	own.onopen = () => self.postMessage({ opened: true });
	own.onmessage = ({ data }) => self.postMessage({ text: data, at: performance.timeOrigin + performance.now() });
	own.onclose = ({ code, reason }) => own === socket && self.postMessage({ closed: { code, reason } });
}
