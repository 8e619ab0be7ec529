<?php
// The lines that the PHP clients are told on stdin. lines.h says which there are.

// `$option($name, $value)` and `$servers($list)` are called in the order of the lines.
function serve(string $version, callable $option, callable $servers, callable $set, callable $get) {
    $out = "=version\t$version\n";
    $list = [];
    foreach (explode("\n", stream_get_contents(STDIN)) as $line) {
        $fields = explode("\t", $line);
        if ($fields[0] === 'server') {
            $list[] = [$fields[1], (int)$fields[2], (int)$fields[3]];
            continue;
        }
        if ($list) {
            $servers($list);
            $list = [];
        }
        if ($fields[0] === 'option') {
            $option($fields[1], $fields[2]);
        } elseif ($fields[0] === 'set') {
            $out .= $set($fields[1], $fields[2]) ? "=stored\n" : "=refused\n";
        } elseif ($fields[0] === 'get') {
            $value = $get($fields[1]);
            $out .= is_string($value) ? "=hit\t$value\n" : "=miss\n";
        }
    }
    echo $out;
}
