// memjs, which speaks nothing but frames.
const memjs = require('memjs');
const assert = require('assert');
const client = memjs.Client.create('127.0.0.1:' + process.argv[2], { timeout: 10, retries: 0 });

(async () => {
  assert(await client.set('mj:a', 'ü', { expires: 60 }));
  const found = await client.get('mj:a');
  assert.strictEqual(found.value.toString(), 'ü');
  assert(!(await client.add('mj:a', 'x', {})));
  assert(await client.replace('mj:a', 'y', {}));
  assert(await client.append('mj:a', '!'));
  assert.strictEqual((await client.get('mj:a')).value.toString(), 'y!');
  const keys = Array.from({ length: 300 }, (_, at) => 'mj:' + at);
  await Promise.all(keys.map((key) => client.set(key, key, {})));
  const values = await Promise.all(keys.map((key) => client.get(key)));
  assert.deepStrictEqual(values.map((it) => it.value.toString()), keys);
  assert.strictEqual((await client.increment('mj:n', 5, { initial: 10 })).value, 10);
  assert.strictEqual((await client.increment('mj:n', 5, {})).value, 15);
  assert.strictEqual((await client.decrement('mj:n', 1, {})).value, 14);
  assert(await client.touch('mj:a', 100));
  const large = Buffer.alloc(900000, 'x');
  assert(await client.set('mj:large', large, {}));
  assert((await client.get('mj:large')).value.equals(large));
  assert(await client.delete('mj:a'));
  assert.strictEqual((await client.get('mj:a')).value, null);
  await new Promise((resolve, reject) => client.stats((error, server, stats) =>
    (error || !stats.pid ? reject(error || new Error('no pid')) : resolve())));
  await new Promise((resolve, reject) => client.flush((error) =>
    (error ? reject(error) : resolve())));
  client.close();
})().catch((error) => { console.error(error); process.exit(1); });
