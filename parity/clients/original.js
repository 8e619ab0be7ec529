// The original nodeproxy's rule, in the language that it was written in: a number there is a
// double, so a hash that is negative once runs away until it is infinite, where the original
// failed.
'use strict';
const net = require('net');
const lines = require('./lines.js');

const indexOf = (key, count) => {
  let hash = 0;
  for (let at = 0; at < key.length; at++) {
    hash = 31 * hash + key.charCodeAt(at);
    while (hash > 2147483647 && hash !== Infinity) hash -= 4294967296;
  }
  const index = hash % count;
  return index < 0 ? index + count : index;
};

lines(process.version, (_options, servers) => {
  const sockets = servers.map((it) => net.connect(it.port, it.host));
  const ask = (key, request, done) => {
    const socket = sockets[indexOf(key, sockets.length)];
    if (socket === undefined) return done(new Error('no server for this hash'));
    let seen = '';
    const read = (piece) => {
      seen += piece;
      if (!/^(STORED|END|\w*ERROR.*)\r\n|\r\nEND\r\n$/.test(seen)) return;
      socket.off('data', read);
      done(null, seen);
    };
    socket.setEncoding('utf8').on('data', read);
    socket.write(request);
  };
  return {
    set: (key, value, done) =>
      ask(key, `set ${key} 0 0 ${value.length}\r\n${value}\r\n`, (error, seen) =>
        done(error, seen === 'STORED\r\n')),
    get: (key, done) =>
      ask(key, `get ${key}\r\n`, (error, seen) =>
        done(error, seen && seen.startsWith('VALUE ') ? seen.split('\r\n')[1] : undefined)),
    end: () => sockets.forEach((socket) => socket.destroy()),
  };
});
