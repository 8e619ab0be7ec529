<?php
// The sessions of php-memcached. A key is a session's id. Options are settings of PHP.
require __DIR__ . '/lines.php';

ini_set('session.save_handler', 'memcached');
ini_set('session.use_cookies', '0');
ini_set('session.use_strict_mode', '0');
ini_set('session.cache_limiter', '');
ini_set('memcached.sess_locking', '0');
$in_session = function ($key, $do) {
    session_id($key);
    if (!session_start()) {
        return false;
    }
    $result = $do();
    return session_write_close() ? $result : false;
};
serve(
    phpversion('memcached'),
    fn($name, $value) => ini_set($name, $value) === false && exit(3),
    fn($servers) => ini_set('session.save_path',
        implode(',', array_map(fn($it) => "$it[0]:$it[1]", $servers))),
    fn($key, $value) => $in_session($key, function () use ($value) {
        $_SESSION = ['v' => $value];
        return true;
    }),
    fn($key) => $in_session($key, fn() => $_SESSION['v'] ?? null),
);
