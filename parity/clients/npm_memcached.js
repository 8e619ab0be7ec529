// npm's memcached. Its options are the client's.
'use strict';
const lines = require('./lines.js');
const Memcached = require('memcached');
const {version} = require('memcached/package.json');

lines(version, (options, servers) => {
  const name = (it) => (it.port ? `${it.host}:${it.port}` : it.host);
  const weighted = servers.some((it) => it.weight !== 1);
  const list = weighted
    ? Object.fromEntries(servers.map((it) => [name(it), it.weight]))
    : servers.map(name);
  const client = new Memcached(list, options);
  return {
    set: (key, value, done) => client.set(key, value, 0, done),
    get: (key, done) => client.get(key, done),
    end: () => client.end(),
  };
});
