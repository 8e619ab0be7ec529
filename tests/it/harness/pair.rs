//! The same bytes to the proxy and to a plain memcached, and the answers compared.

use super::bytes::{assert_same, contains, shown};
use super::client::Client;
use super::memcached::{Memcached, addresses};
use super::nodeproxy::Nodeproxy;

const FENCE: &[u8] = b"get the-fence\r\n";
const FENCE_VALUE: &[u8] = b"here the comparison ends";

/// One client of each.
pub(crate) struct Pair {
    through: Client,
    plain: Client,
    proxy: Nodeproxy,
    memcached: Memcached,
    /// Behind the proxy; alive as long as it.
    _backends: Vec<Memcached>,
}

impl Pair {
    /// The proxy with so many backends and links to each, and one memcached beside it.
    pub(crate) fn start(backends: usize, links: usize) -> Self {
        let behind = Memcached::several(backends);
        let memcached = Memcached::start();
        let proxy = Nodeproxy::before(&addresses(&behind)).links(links).start();
        let mut through = proxy.connect();
        let mut plain = Client::connect(memcached.address());
        for client in [&mut through, &mut plain] {
            client.ask(&super::bytes::set("the-fence", FENCE_VALUE), b"STORED\r\n");
        }
        Self { through, plain, proxy, memcached, _backends: behind }
    }

    /// Each of them, to be told something of its own.
    pub(crate) fn both(&mut self) -> [&mut Client; 2] {
        [&mut self.through, &mut self.plain]
    }

    /// Both on new connections.
    pub(crate) fn reconnect(&mut self) {
        self.through = self.proxy.connect();
        self.plain = Client::connect(self.memcached.address());
    }

    /// Both answer this with the same bytes, but for the version and cas numbers.
    #[track_caller]
    pub(crate) fn same(&mut self, requests: &[u8]) -> Vec<u8> {
        let [through, plain] = self.both().map(|client| {
            client.send(&[requests, FENCE].concat());
            normal(&to_fence(client))
        });
        assert_same(&format!("asked {}", shown(requests)), &through, &plain);
        plain
    }

    /// Whether the plain memcached is one of those that the proxy follows where they differ: they
    /// say what is wrong with a line.
    pub(crate) fn is_newer(&mut self) -> bool {
        self.plain.send(b"get\r\n");
        self.plain.line() != b"ERROR\r\n"
    }

    /// Both come to the end of their answers; these may differ.
    #[track_caller]
    pub(crate) fn in_step(&mut self, name: &str, requests: &[u8]) {
        for client in self.both() {
            client.send(requests);
            // On its own: some retrievals cost the answers to what was sent with them.
            client.send(FENCE);
            let said = to_fence(client);
            let whole = said.is_empty() || said.ends_with(b"\r\n");
            assert!(whole, "{name}: asked {}: {}", shown(requests), shown(&said));
        }
    }

    /// Both close; what they say may differ.
    #[track_caller]
    pub(crate) fn closed(&mut self, name: &str, requests: &[u8]) -> Vec<u8> {
        let [through, _] = self.both().map(|client| {
            client.send(requests);
            client.rest()
        });
        let told = through.ends_with(b"\r\n");
        assert!(told, "{name}: asked {}: {}", shown(requests), shown(&through));
        through
    }

    /// Both answer with the same bytes when nothing more will be sent, and close.
    #[track_caller]
    pub(crate) fn same_when_finished(&mut self, name: &str, requests: &[u8]) -> Vec<u8> {
        let [through, plain] = self.both().map(|client| {
            client.send(requests);
            client.finish_writing();
            normal(&client.rest())
        });
        assert_same(name, &through, &plain);
        plain
    }

    /// The same for requests that come to the proxy in pieces of these lengths.
    #[track_caller]
    pub(crate) fn same_in_pieces(&mut self, name: &str, requests: &[u8], lengths: &[usize]) {
        let mut left = requests;
        let pieces: Vec<_> = lengths.iter().map(|len| left.split_off(..*len)).collect();
        let pieces = pieces.into_iter().map(|piece| piece.expect("not more than there is"));
        let through = self.through.exchange_pieces(pieces.chain([left, FENCE]), to_fence);
        let plain = self.plain.exchange_pieces([requests, FENCE], to_fence);
        assert_same(name, &normal(&through), &normal(&plain));
    }

    /// Both answer with the same bytes and close.
    #[track_caller]
    pub(crate) fn same_and_closed(&mut self, requests: &[u8]) -> Vec<u8> {
        let [through, plain] = self.both().map(|client| {
            client.send(requests);
            normal(&client.rest())
        });
        assert_same(&format!("asked {}", shown(requests)), &through, &plain);
        plain
    }
}

/// What is said before the fence.
#[track_caller]
fn to_fence(client: &mut Client) -> Vec<u8> {
    let fence = super::bytes::hit("the-fence", FENCE_VALUE);
    let mut said = Vec::new();
    loop {
        said.extend(client.line());
        if said.ends_with(&fence) {
            said.truncate(said.len() - fence.len());
            assert!(!contains(&said, FENCE_VALUE), "the fence twice: {}", shown(&said));
            return said;
        }
    }
}

/// Without the number of the version, and with the cas numbers of each key counted in the order in
/// which they are first seen: several backends may give the same number to several keys. What the
/// meta commands tell of a moment, or of the inside of a server, is left out.
pub(crate) fn normal(said: &[u8]) -> Vec<u8> {
    let mut seen = Vec::new();
    let mut normal = Vec::new();
    for line in said.split_inclusive(|byte| *byte == b'\n') {
        let words: Vec<_> = line.trim_ascii_end().split(|byte| *byte == b' ').collect();
        match words[..] {
            [b"VALUE", key, _, _, cas] => {
                let at = seen.iter().position(|it| *it == (key, cas)).unwrap_or(seen.len());
                if at == seen.len() {
                    seen.push((key, cas));
                }
                normal.extend(words[..4].join(&b" "[..]));
                normal.extend(format!(" cas{at}\r\n").bytes());
            }
            [b"VERSION", ..] => normal.extend(b"VERSION\r\n"),
            [b"ME", key, ..] => normal.extend([b"ME ", key, b"\r\n"].concat()),
            [b"HD" | b"VA" | b"EN" | b"NS" | b"EX" | b"NF", ..] => {
                let words: Vec<_> = words.iter().map(|word| constant(word)).collect();
                normal.extend([&words.join(&b" "[..])[..], b"\r\n"].concat());
            }
            _ => normal.extend(line),
        }
    }
    normal
}

/// A returned flag without a number that is not the same everywhere and always: of a cas, of
/// seconds to live, of seconds since the last access, of whether there was one.
fn constant(word: &[u8]) -> &[u8] {
    match word {
        [b'c' | b't' | b'l' | b'h', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            &word[..1]
        }
        _ => word,
    }
}
