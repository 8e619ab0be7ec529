<?php
// php-memcache (pecl-memcache). Options are settings of PHP; `pool` takes the class MemcachePool.
require __DIR__ . '/lines.php';

$client = null;
$class = 'Memcache';
serve(
    phpversion('memcache'),
    function ($name, $value) use (&$class) {
        if ($name === 'pool') {
            $class = 'MemcachePool';
        } elseif (ini_set($name, $value) === false) {
            exit(3);
        }
    },
    function ($servers) use (&$client, &$class) {
        $client = new $class();
        foreach ($servers as [$host, $port, $weight]) {
            if ($class === 'MemcachePool') {
                $client->addServer($host, $port, 0, true, $weight);
            } else {
                $client->addServer($port ? $host : "unix://$host", $port, true, $weight);
            }
        }
    },
    function ($key, $value) use (&$client) {
        return @$client->set($key, $value);
    },
    function ($key) use (&$client) {
        return @$client->get($key);
    },
);
