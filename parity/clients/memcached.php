<?php
// php-memcached (pecl-memcached). Options are the class's constants; `ini:NAME` is a setting of
// PHP; `each` adds one server at a time.
require __DIR__ . '/lines.php';

$client = null;
$each = false;
$made = function () use (&$client) {
    return $client ??= new Memcached();
};
$constant = fn($value) => match (true) {
    $value === 'true' => true,
    $value === 'false' => false,
    // The name of one that it does not have is an error.
    (bool)preg_match('/^[A-Z][A-Z0-9_]+$/', $value) => constant("Memcached::$value"),
    default => $value,
};
serve(
    phpversion('memcached'),
    function ($name, $value) use ($made, $constant, &$each) {
        if ($name === 'each') {
            $each = true;
        } elseif (str_starts_with($name, 'ini:')) {
            ini_set(substr($name, 4), $value);
        } elseif (!$made()->setOption(constant("Memcached::$name"), $constant($value))) {
            exit(3);
        }
    },
    function ($servers) use ($made, &$each) {
        foreach ($each ? array_map(fn($it) => [$it], $servers) : [$servers] as $some) {
            $added = $each ? $made()->addServer(...$some[0]) : $made()->addServers($some);
            if (!$added) {
                exit(4);
            }
        }
    },
    fn($key, $value) => $made()->set($key, $value),
    fn($key) => $made()->get($key),
);
