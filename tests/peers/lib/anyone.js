'use strict';
// What a test does with a DDP client that knows nothing of Rocket.Chat, whatever the library. Besides {"ready":true} it
// says {"message":{…}} for each message of a room that it hears, and takes:
//
//   connect                       ok: what the library says
//   login   token                 ok: the login result
//   listen  rid                   ok once ready; error: nosub's
//   call    method, params?       ok: result; error: the DDP error
//   quit                          closes, exit 0

const { control, options } = require('./control');

/**
 * @param library  function({url, sockjs}) → {connect(heard), call(method, params), subscribe(name, params), close()},
 *                 `heard` taking every DDP message that comes in
 */
function anyone(library) {
	let say = () => {};
	const client = library(options({ url: 'ws://127.0.0.1:3000', sockjs: false }));
	const heard = (ddp) => {
		if (ddp.collection === 'stream-room-messages') say({ message: ddp.fields.args[0] });
	};
	say = control({
		connect: async () => (await client.connect(heard)) ?? null,
		login: ({ token }) => client.call('login', [{ resume: token }]),
		listen: ({ rid }) => client.subscribe('stream-room-messages', [rid, { useCollection: false, args: [] }]),
		call: ({ method, params = [] }) => client.call(method, params),
		quit() {
			client.close();
			setImmediate(() => process.exit(0));
		},
	});
	say({ ready: true });
}

module.exports = { anyone };
