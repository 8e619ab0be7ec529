// memjs.
'use strict';
const lines = require('./lines.js');
const memjs = require('memjs');
const {version} = require('memjs/package.json');

lines(version, (options, servers) => {
  const list = servers.map((it) => `${it.host}:${it.port}`).join(',');
  const client = memjs.Client.create(list, options);
  return {
    set: (key, value, done) => client.set(key, value, {}, done),
    get: (key, done) => client.get(key, done),
    end: () => client.close(),
  };
});
