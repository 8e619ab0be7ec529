<?php
// php-memcached in frames and in text, and its sessions as they are by default.
function ok($what, $is = true) {
    if (!$is) {
        fwrite(STDERR, "$what\n");
        exit(1);
    }
}
function client($binary) {
    global $argv;
    $client = new Memcached();
    $client->setOption(Memcached::OPT_BINARY_PROTOCOL, $binary);
    $client->addServer('127.0.0.1', (int) $argv[1]);
    return $client;
}
[$frames, $lines] = [client(true), client(false)];
foreach ([[$frames, $lines], [$lines, $frames]] as [$writer, $reader]) {
    ok('set', $writer->set('ph:a', 'value', 60) && $reader->get('ph:a') === 'value');
    $many = [];
    for ($at = 0; $at < 300; $at++) {
        $many["ph:$at"] = "v$at";
    }
    ok('setMulti', $writer->setMulti($many));
    ok('getMulti', $reader->getMulti([...array_keys($many), 'ph:none']) == $many);
    ok('counters', $writer->set('ph:n', 10) && $reader->increment('ph:n', 5) === 15);
    ok('decrement', $writer->decrement('ph:n', 1) === 14);
    $writer->setOption(Memcached::OPT_COMPRESSION, false);
    ok('append', $writer->append('ph:a', '!') && $writer->prepend('ph:a', '?'));
    ok('appended', $reader->get('ph:a') === '?value!');
    ok('add', !$reader->add('ph:a', 'x') && $reader->replace('ph:a', 'y'));
    $item = $writer->get('ph:a', null, Memcached::GET_EXTENDED);
    ok('cas', $writer->cas($item['cas'], 'ph:a', 'z') && !$writer->cas($item['cas'], 'ph:a', 'w'));
    $large = str_repeat("\r\n", 450000);
    ok('large', $writer->set('ph:large', $large) && $reader->get('ph:large') === $large);
    ok('touch', $writer->touch('ph:a', 100));
    ok('delete', $writer->delete('ph:a') && $reader->get('ph:a') === false);
    ok('stats', array_values($writer->getStats())[0]['pid'] > 0);
    ok('version', $writer->getVersion() !== false);
}
ok('increment creates', $frames->increment('ph:new', 1, 7, 60) === 7);
ok('deleteMulti', !in_array(false, $frames->deleteMulti(array_keys($many)), true));
$frames->setOption(Memcached::OPT_NOREPLY, true);
$frames->set('ph:quiet', 'q');
ok('quiet', $frames->get('ph:quiet') === 'q');

ini_set('session.save_handler', 'memcached');
ini_set('session.save_path', '127.0.0.1:' . $argv[1]);
ini_set('session.use_cookies', '0');
ini_set('session.use_strict_mode', '0');
ini_set('session.cache_limiter', '');
for ($at = 1; $at <= 3; $at++) {
    session_id('phsession');
    ok('session', session_start());
    $_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
    ok('counted', $_SESSION['count'] === $at && session_write_close());
}
ok('flush', $frames->flush());
