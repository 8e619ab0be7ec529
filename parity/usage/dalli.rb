# dalli, which speaks frames unless it is told to speak meta commands.
require 'dalli'

client = Dalli::Client.new("127.0.0.1:#{ARGV[0]}", protocol: :binary)
ok = ->(what, is) { is || abort(what) }
ok['set', client.set('da:a', 'value', 60) && client.get('da:a') == 'value']
ok['add', !client.add('da:a', 'x') && client.replace('da:a', 'y')]
many = (0...300).to_h { |at| ["da:#{at}", "v#{at}"] }
client.multi { many.each { |key, value| client.set(key, value) } }
ok['get_multi', client.get_multi(*many.keys, 'da:none') == many]
ok['cas', client.cas('da:a') { |value| value + '!' } && client.get('da:a') == 'y!']
ok['incr', client.incr('da:n', 5, nil, 10) == 10 && client.incr('da:n', 5) == 15]
ok['decr', client.decr('da:n', 1) == 14]
ok['raw', client.set('da:raw', 'b', 60, raw: true)]
ok['append', client.append('da:raw', 'c') && client.prepend('da:raw', 'a')]
ok['appended', client.get('da:raw', raw: true) == 'abc']
ok['touch', client.touch('da:a', 100)]
large = 'x' * 900_000
ok['large', client.set('da:large', large) && client.get('da:large') == large]
ok['quiet', client.multi { client.delete('da:a') } || true]
ok['delete', client.get('da:a').nil? && client.delete('da:large')]
ok['stats', client.stats.values.first['pid']]
ok['version', client.version.values.first]
ok['flush', client.flush.all?]
