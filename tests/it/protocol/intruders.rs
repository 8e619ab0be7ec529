//! Bytes that a backend could take for something else than the proxy does: they stop here.

use crate::harness::bytes::{assert_same, contains, hit, is_client_error, set, shown};
use crate::harness::client::Client;
use crate::harness::fake::FakeBackend;
use crate::harness::nodeproxy::Nodeproxy;

/// A proxy with one link for everybody, and a neighbour to be disturbed.
struct Street {
    backend: FakeBackend,
    proxy: Nodeproxy,
    neighbour: Client,
}

impl Street {
    fn new() -> Self {
        let backend = FakeBackend::start();
        let proxy = Nodeproxy::start(&[backend.address()]);
        let mut neighbour = proxy.connect();
        neighbour.ask(&set("mine", b"mine"), b"STORED\r\n");
        Self { backend, proxy, neighbour }
    }

    /// Sends this from a client of its own, while the neighbour asks too; the reply to it is its
    /// first line.
    #[track_caller]
    fn intrude(&mut self, request: &[u8]) -> Vec<u8> {
        let mut client = self.proxy.connect();
        client.send(request);
        let mine = hit("mine", b"mine");
        self.neighbour.ask(&b"get mine\r\n".repeat(3), &mine.repeat(3));
        let first = client.line();
        // What follows may be more errors, as a memcached would give, but it comes to an end.
        client.send(b"version\r\n");
        for _ in 0..10 {
            if client.line().starts_with(b"VERSION ") {
                self.neighbour.ask(b"get mine\r\n", &mine);
                assert_eq!(self.backend.accepted(), 1, "{} cost a link", shown(request));
                return first;
            }
        }
        panic!("{} is answered without end", shown(request));
    }

    /// Refused with one line, and not even a part of it forwarded.
    #[track_caller]
    fn refused(&mut self, request: &[u8], forbidden: &[u8]) {
        let first = self.intrude(request);
        assert!(
            is_client_error(&first) || first == b"ERROR\r\n",
            "{}: {}",
            shown(request),
            shown(&first)
        );
        let received = self.backend.received();
        assert!(!contains(&received, forbidden), "{} was forwarded", shown(request));
    }
}

/// Every command that names a key, around this key.
fn around(key: &[u8]) -> Vec<Vec<u8>> {
    [
        (&b"get "[..], &b"\r\n"[..]),
        (b"gets ", b"\r\n"),
        (b"get good ", b" good\r\n"),
        (b"set ", b" 0 0 1\r\nx\r\n"),
        (b"add ", b" 0 0 1\r\nx\r\n"),
        (b"replace ", b" 0 0 1\r\nx\r\n"),
        (b"append ", b" 0 0 1\r\nx\r\n"),
        (b"prepend ", b" 0 0 1\r\nx\r\n"),
        (b"cas ", b" 0 0 1 1\r\nx\r\n"),
        (b"delete ", b"\r\n"),
        (b"incr ", b" 1\r\n"),
        (b"decr ", b" 1\r\n"),
        (b"touch ", b" 0\r\n"),
    ]
    .map(|(before, behind)| [before, key, behind].concat())
    .to_vec()
}

/// Bytes at which some memcached stops reading a key, and then takes the value for commands.
#[test]
fn nul_and_cr_in_a_key_stay_out() {
    let mut street = Street::new();
    for byte in *b"\0\r" {
        for key in [&[b"evil", &[byte][..], b"key"].concat(), &[&[byte][..], b"evil"].concat()] {
            for request in around(key) {
                street.refused(&request, b"evil");
            }
        }
    }
}

/// Bytes that a memcached takes for a part of a key: harmless, and not the proxy's business.
#[test]
fn other_control_bytes_in_a_key_disturb_nobody() {
    let mut street = Street::new();
    for byte in (1..b' ').chain([0x7F]).filter(|byte| !b"\r\n".contains(byte)) {
        for request in around(&[b"odd", &[byte][..], b"key"].concat()) {
            street.intrude(&request);
        }
    }
}

#[test]
fn a_line_feed_ends_a_request_here_as_it_does_there() {
    let mut street = Street::new();
    let mut client = street.proxy.connect();
    client.send(b"get a\nversion\r\nget mine\nget mine\r\n");
    client.expect(b"END\r\n");
    assert!(client.line().starts_with(b"VERSION "));
    client.expect(&hit("mine", b"mine").repeat(2));
    street.neighbour.ask(b"get mine\r\n", &hit("mine", b"mine"));
    for asked in street.backend.asked() {
        assert!(!asked.line.contains(&b'\n'), "{}", shown(&asked.line));
    }
    client.expect_in_step();
}

#[test]
fn keys_over_250_bytes_stay_out() {
    let mut street = Street::new();
    for len in [251, 252, 1_000, 2_000] {
        for request in around(&[&b"evil"[..], &vec![b'k'; len - 4]].concat()) {
            street.refused(&request, b"evil");
        }
    }
    let longest = "k".repeat(250);
    street.neighbour.ask(&set(&longest, b"fits"), b"STORED\r\n");
}

#[test]
fn numbers_out_of_range_stay_out() {
    let mut street = Street::new();
    for request in [
        "set evil 4294967296 0 1\r\nx\r\n",
        "set evil -1 0 1\r\nx\r\n",
        "set evil x 0 1\r\nx\r\n",
        "set evil 0 x 1\r\nx\r\n",
        "set evil 0 99999999999999999999 1\r\nx\r\n",
        "set evil 0 0 -1\r\nx\r\n",
        "set evil 0 0 99999999999999999999\r\nx\r\n",
        "set evil 0 0 18446744073709551617\r\nx\r\n",
        "set evil 0 0 4294967297\r\nx\r\n",
        "set evil 0 0 0x1\r\nx\r\n",
        "set evil 0 0 1 x\r\nx\r\n",
        "cas evil 0 0 1 -1\r\nx\r\n",
        "cas evil 0 0 1 18446744073709551616\r\nx\r\n",
        "cas evil 0 0 1 x\r\nx\r\n",
        "incr evil -1\r\n",
        "incr evil 18446744073709551616\r\n",
    ] {
        // Where the value is taken for commands, `x` is the first; it never gets further.
        let first = street.intrude(request.as_bytes());
        let taken = street.backend.asked().into_iter().find(|it| it.verb() == b"x");
        assert!(taken.is_none(), "{request:?}: a value became a command");
        let known = is_client_error(&first)
            || [&b"ERROR\r\n"[..], b"STORED\r\n", b"NOT_FOUND\r\n"].contains(&&first[..])
            || first == b"SERVER_ERROR object too large for cache\r\n";
        assert!(known, "{request:?}: {}", shown(&first));
    }
}

/// What a backend receives is one request for each that it must answer, whole and well formed.
#[test]
fn a_value_without_its_end_stays_out() {
    let mut street = Street::new();
    for request in ["set evil 0 0 3\r\nlonger\r\n", "set evil 0 0 9\r\nshort\r\n12345\r\n"] {
        let first = street.intrude(request.as_bytes());
        assert_same(request, &first, b"CLIENT_ERROR bad data chunk\r\n");
        assert!(!contains(&street.backend.received(), b"evil"), "{request:?} was forwarded");
    }
}

#[test]
fn noreply_never_reaches_a_backend_and_its_answer_never_a_client() {
    let mut street = Street::new();
    let mut client = street.proxy.connect();
    for request in [
        "set k 0 0 1 noreply\r\n1\r\n",
        "add k 0 0 1 noreply\r\n1\r\n",
        "replace k 0 0 1 noreply\r\n1\r\n",
        "append k 0 0 1 noreply\r\n1\r\n",
        "prepend k 0 0 1 noreply\r\n1\r\n",
        "cas k 0 0 1 1 noreply\r\n1\r\n",
        "incr k 1 noreply\r\n",
        "decr k 1 noreply\r\n",
        "touch k 0 noreply\r\n",
        "delete k noreply\r\n",
        "delete k 0 noreply\r\n",
    ] {
        client.send(request.as_bytes());
        client.expect_in_step();
    }
    street.neighbour.ask(b"get mine\r\n", &hit("mine", b"mine"));
    street.backend.wait_for("delete", 2);
    assert!(!contains(&street.backend.received(), b"noreply"));
    // As a key it is a word like any other.
    client.ask(b"set noreply 0 0 1\r\nx\r\nget noreply\r\n", b"STORED\r\n");
    client.expect(&hit("noreply", b"x"));
}

#[test]
fn commands_that_are_not_of_the_protocol_stay_out() {
    let mut street = Street::new();
    for request in [
        "watch fetchers\r\n",
        "shutdown\r\n",
        "slabs reassign 1 2\r\n",
        "lru_crawler metadump all\r\n",
        "cache_memlimit 10\r\n",
        "nonsense\r\n",
        "\u{80}\r\n",
    ] {
        street.intrude(request.as_bytes());
    }
    let known = [&b"get"[..], b"set", b"version", b"mn"];
    for asked in street.backend.asked() {
        assert!(known.contains(&asked.verb()), "{}", shown(&asked.line));
    }
}

/// A backend takes the last word for the flag and is silent: the next answer on the link would have
/// been taken for the missing one.
#[test]
fn a_key_called_noreply_is_answered_by_every_command() {
    let mut street = Street::new();
    let mut client = street.proxy.connect();
    for (request, answer) in [
        ("delete noreply\r\n", "NOT_FOUND\r\n"),
        ("set noreply 0 0 1\r\n1\r\n", "STORED\r\n"),
        ("incr noreply 1\r\n", "2\r\n"),
        ("touch noreply 0\r\n", "TOUCHED\r\n"),
        ("get noreply\r\n", "VALUE noreply 0 1\r\n2\r\nEND\r\n"),
        ("get k noreply\r\n", "VALUE noreply 0 1\r\n2\r\nEND\r\n"),
        ("delete noreply\r\n", "DELETED\r\n"),
        ("delete noreply noreply\r\n", ""),
        ("incr k noreply\r\n", ""),
        ("decr k noreply\r\n", ""),
        ("touch k noreply\r\n", ""),
        ("cas k 0 0 1 noreply\r\nx\r\n", ""),
    ] {
        client.ask(request.as_bytes(), answer.as_bytes());
        client.expect_in_step();
        street.neighbour.ask(b"get mine\r\n", &hit("mine", b"mine"));
    }
    let large = [&b"set noreply 0 0 2000000\r\n"[..], &[b'v'; 2_000_000], b"\r\n"].concat();
    client.exchange(&large, b"SERVER_ERROR object too large for cache\r\n");
    client.ask(b"get noreply\r\n", b"END\r\n");
    assert_eq!(street.backend.accepted(), 1);
}

/// Its error was repeated without end.
#[test]
fn a_line_without_end_is_refused_once_and_ends_its_connection() {
    let street = Street::new();
    for start in ["", "mn\r\n", "ms k 5\r\nvalue\r\nset k"] {
        let mut client = street.proxy.connect();
        client.send(&[start.as_bytes(), &[b'x'; 3_000]].concat());
        let said = client.rest();
        let error = b"CLIENT_ERROR line too long\r\n";
        assert!(said.ends_with(error) && said.len() < error.len() + 10, "{}", shown(&said));
    }
}

/// The first byte of a connection tells the protocol, and no other.
#[test]
fn the_binary_protocol_is_spoken_from_the_first_byte_on_or_not_at_all() {
    let street = Street::new();
    let mut client = street.proxy.connect();
    client.ask(b"mn\r\n\x80\x0b\r\nmn\r\n", b"MN\r\nERROR\r\nMN\r\n");
    client.expect_in_step();
}

/// A web page that was told to talk to a memcache port. What was asked before it is answered.
#[test]
fn http_is_told_an_error_and_its_connection_ends() {
    let street = Street::new();
    for request in ["GET / HTTP/1.1\r\n", "POST /x HTTP/1.0\n", "x HTTP/\r\n"] {
        let mut client = street.proxy.connect();
        client.send(format!("get mine\r\n{request}get mine\r\n").as_bytes());
        client.expect(&hit("mine", b"mine"));
        client.expect(b"ERROR\r\n");
        client.expect_closed();
    }
    // With a command before it, it is a key.
    let mut client = street.proxy.connect();
    client.ask(b"get HTTP/1.1\r\nmn\r\n", b"END\r\nMN\r\n");
}
