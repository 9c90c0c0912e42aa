'use strict';
// The EJSON packets of Rocket.Chat's mesh, and Moleculer's own serializers by name.

const EJSON = require('ejson');
const { Serializers } = require('./moleculer');

class EjsonSerializer extends Serializers.Base {
	serialize(packet) {
		return Buffer.from(EJSON.stringify(packet));
	}

	deserialize(bytes) {
		return EJSON.parse(bytes.toString());
	}
}

module.exports = (name) => (name.toUpperCase() === 'EJSON' ? new EjsonSerializer() : name);
