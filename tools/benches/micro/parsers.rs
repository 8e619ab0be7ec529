//! The parsers of requests and of replies, and what they are made of.

use divan::{Bencher, black_box};
use nodeproxy::buffer::scan;
use nodeproxy::buffer::{BufferPool, RingBuf};
use nodeproxy::memcache::text::reply::ReplyParser;
use nodeproxy::memcache::text::request::{RequestParser, Step};
use nodeproxy::memcache::{VALUE_BYTES_MAX, base64};
use std::fmt;

/// Bytes with a name that fits into a table.
pub(crate) struct Named(&'static str, String);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

fn keys(count: usize) -> String {
    (0..count).map(|at| format!(" user:{at:05}:profile")).collect()
}

fn requests() -> [Named; 9] {
    let value = "x".repeat(32);
    [
        Named("get", format!("get{}\r\n", keys(1))),
        Named("get, 20 keys", format!("get{}\r\n", keys(20))),
        Named("get, 100 keys", format!("get{}\r\n", keys(100))),
        Named("set", format!("set{} 0 3600 32\r\n{value}\r\n", keys(1))),
        Named("set, noreply", format!("set{} 0 3600 32 noreply\r\n{value}\r\n", keys(1))),
        Named("mg", format!("mg{} v k t O12345\r\n", keys(1))),
        Named("ms", format!("ms{} 32 T3600\r\n{value}\r\n", keys(1))),
        Named("delete", format!("delete{}\r\n", keys(1))),
        Named("incr", format!("incr{} 1\r\n", keys(1))),
    ]
}

#[divan::bench(args = requests())]
fn parse_request(bencher: Bencher<'_, '_>, Named(_, text): &Named) {
    let ring = holding(text);
    let mut parser = RequestParser::new(VALUE_BYTES_MAX);
    let mut scratch = Vec::new();
    bencher.bench_local(|| {
        let step = parser.advance(black_box(&ring), &mut scratch);
        assert!(matches!(step, Step::Request(_)));
        step
    });
}

fn replies() -> [Named; 7] {
    let value = "x".repeat(32);
    [
        Named("VALUE and END", format!("VALUE{} 0 32\r\n{value}\r\nEND\r\n", keys(1))),
        Named("VALUE, cas", format!("VALUE{} 0 32 123456\r\n{value}\r\nEND\r\n", keys(1))),
        Named("END", "END\r\n".into()),
        Named("STORED", "STORED\r\n".into()),
        Named("VA", format!("VA 32 O12345\r\n{value}\r\n")),
        Named("HD", "HD O12345\r\n".into()),
        Named("number", "1234567\r\n".into()),
    ]
}

#[divan::bench(args = replies())]
fn parse_reply(bencher: Bencher<'_, '_>, Named(_, text): &Named) {
    let ring = holding(text);
    let mut parser = ReplyParser::default();
    let mut scratch = Vec::new();
    bencher.bench_local(|| {
        let reply = parser.advance(black_box(&ring), true, &mut scratch);
        assert!(matches!(reply, Ok(Some(_))));
        reply
    });
}

#[divan::bench(args = [8, 32, 250])]
fn scan_for_line_end(bencher: Bencher<'_, '_>, len: usize) {
    let text = format!("{}\r\n", "x".repeat(len));
    bencher.bench_local(|| scan::find_below(black_box(text.as_bytes()), b' '));
}

#[divan::bench(args = [16, 64, 332])]
fn base64_key(bencher: Bencher<'_, '_>, len: usize) {
    let text = "QUJD".repeat(len / 4);
    let mut out = [0; 250];
    bencher.bench_local(|| base64::decode(black_box(text.as_bytes()), &mut out).len());
}

fn holding(text: &str) -> RingBuf {
    let mut ring = RingBuf::new();
    ring.extend(&mut BufferPool::new(0), text.as_bytes());
    ring
}
