# Cache::Memcached, Cache::Memcached::Fast or Memcached::libmemcached: the argument says which.
# lines.h says what is told on stdin.
use strict;
use warnings;

my $class = shift;
eval "require $class" or die $@;
binmode STDIN;
binmode STDOUT;
my ($client, %options, @servers);

sub connect_all {
    if ($class eq 'Memcached::libmemcached') {
        my $made = Memcached::libmemcached->memcached_create();
        $made->memcached_server_add($_->[0], $_->[1]) for @servers;
        return $made;
    }
    my $address = sub { $_[1] ? "$_[0]:$_[1]" : $_[0] };
    if ($class eq 'Cache::Memcached') {
        my @list = map { my $it = $address->(@$_); $_->[2] == 1 ? $it : [$it, $_->[2]] } @servers;
        return $class->new({ %options, servers => \@list });
    }
    my @list = map { { address => $address->(@$_), weight => $_->[2] } } @servers;
    return $class->new({ utf8 => 0, %options, servers => \@list });
}

sub set_value {
    my ($key, $value) = @_;
    return $class eq 'Memcached::libmemcached' ? $client->memcached_set($key, $value)
                                               : $client->set($key, $value);
}

sub get_value {
    my ($key) = @_;
    return $class eq 'Memcached::libmemcached' ? $client->memcached_get($key) : $client->get($key);
}

print "=version\t", $class->VERSION, "\n";
while (my $line = <STDIN>) {
    chomp $line;
    my ($word, @fields) = split /\t/, $line;
    if ($word eq 'option') { $options{$fields[0]} = $fields[1]; next }
    if ($word eq 'server') { push @servers, [@fields]; next }
    $client //= connect_all();
    if ($word eq 'set') {
        print set_value(@fields) ? "=stored\n" : "=refused\n";
    } else {
        my $value = get_value(@fields);
        print defined $value ? "=hit\t$value\n" : "=miss\n";
    }
}
