'use strict';
// Moleculer as `--protocol` asks for it: 0.14 speaks 4, 0.15 speaks 5.

const protocol = process.argv[process.argv.indexOf('--protocol') + 1];

module.exports = require(process.argv.includes('--protocol') && protocol === '5' ? 'moleculer-15' : 'moleculer');
