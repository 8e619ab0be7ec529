// The lines that the JavaScript clients are told on stdin. lines.h says which there are.
'use strict';
const fs = require('fs');

// `connect(options, servers)` makes an object of set(key, value, done), get(key, done) and end().
module.exports = (version, connect) => {
  const out = [`=version\t${version}`];
  const options = {}, servers = [], requests = [];
  for (const line of fs.readFileSync(0, 'utf8').split('\n')) {
    const [word, ...fields] = line.split('\t');
    if (word === 'option') {
      options[fields[0]] = fields[1];
    } else if (word === 'server') {
      servers.push({host: fields[0], port: +fields[1], weight: +fields[2]});
    } else if (word !== '') {
      requests.push([word, ...fields]);
    }
  }
  const client = connect(options, servers);
  const next = (at) => {
    if (at === requests.length) {
      fs.writeSync(1, out.join('\n') + '\n');
      client.end();
      process.exit(0);
    }
    const [word, key, value] = requests[at];
    if (word === 'set') {
      client.set(key, value, (error, stored) => {
        if (error) console.error(key, error);
        out.push(!error && stored ? '=stored' : '=refused');
        next(at + 1);
      });
    } else {
      client.get(key, (error, got) => {
        const found = !error && got !== undefined && got !== null && got !== false;
        out.push(found ? `=hit\t${got}` : '=miss');
        next(at + 1);
      });
    }
  };
  next(0);
};
