// npm's memcached: callbacks, several requests at once on several connections.
const Memcached = require('memcached');
const assert = require('assert');
const client = new Memcached('127.0.0.1:' + process.argv[2], { retries: 0 });
const call = (name, ...given) => new Promise((resolve, reject) =>
  client[name](...given, (error, data) => (error ? reject(error) : resolve(data))));

(async () => {
  assert(await call('set', 'js:a', { b: 'ü' }, 100));
  assert.deepStrictEqual(await call('get', 'js:a'), { b: 'ü' });
  const keys = Array.from({ length: 300 }, (_, at) => 'js:' + at);
  await Promise.all(keys.map((key) => call('set', key, key, 100)));
  assert.deepStrictEqual(await call('getMulti', keys), Object.fromEntries(keys.map((key) => [key, key])));
  await call('set', 'js:n', 10, 100);
  assert.strictEqual(await call('incr', 'js:n', 5), 15);
  assert.strictEqual(await call('decr', 'js:n', 1), 14);
  const { cas } = await call('gets', 'js:n');
  assert(await call('cas', 'js:n', 7, cas, 100));
  assert(!(await call('cas', 'js:n', 8, cas, 100)));
  await call('append', 'js:n', '1');
  await call('prepend', 'js:n', '2');
  await call('replace', 'js:n', 'r', 100);
  await assert.rejects(call('add', 'js:n', 1, 100));
  assert(await call('touch', 'js:n', 100));
  const large = 'ü'.repeat(300000);
  await call('set', 'js:large', large, 100);
  assert.strictEqual(await call('get', 'js:large'), large);
  assert(await call('del', 'js:large'));
  assert.strictEqual(await call('get', 'js:large'), undefined);
  assert((await call('version'))[0].version);
  assert((await call('stats'))[0].pid);
  assert(await call('settings'));
  assert(await call('flush'));
  client.end();
})().catch((error) => { console.error(error); process.exit(1); });
