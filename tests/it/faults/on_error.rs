//! `--on-error`: what a retrieval that failed is answered. A write that failed always is an error.

use crate::harness::bytes::{assert_same, assert_server_error, value};
use crate::harness::client::Client;
use crate::harness::fake::{Act, FakeBackend};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::parallel::at_once;
use crate::harness::placement::keys_of;

/// The ways in which a backend fails.
#[derive(Debug, Clone, Copy)]
enum Failing {
    Refuses,
    Closes,
    IsSilent,
    SaysSo,
}

const WAYS: [Failing; 4] = [Failing::Refuses, Failing::Closes, Failing::IsSilent, Failing::SaysSo];

/// A client of a proxy, with a key on a backend that fails, `bad`, and one on another, `good`.
struct Case {
    client: Client,
    bad: String,
    good: String,
    _proxy: Nodeproxy,
    _fakes: [FakeBackend; 2],
}

fn case(way: Failing, on_error: &'static str) -> Case {
    let mut fakes = [FakeBackend::start(), FakeBackend::start()];
    let addresses = [fakes[0].address(), fakes[1].address()];
    let setup = Nodeproxy::before(&addresses).timeout_ms(300);
    let proxy = setup.flags(&["--on-error", on_error]).start();
    let keys = keys_of(&proxy, &[&fakes[0], &fakes[1]], 1);
    let error = b"SERVER_ERROR out of memory writing get response\r\n";
    match way {
        Failing::Refuses => fakes[0].refuse(),
        Failing::Closes => fakes[0].plan(|_| Act::CloseAfter(0)),
        Failing::IsSilent => fakes[0].plan(|_| Act::Mute),
        Failing::SaysSo => fakes[0].plan(|_| Act::Say(error.to_vec())),
    }
    let (bad, good) = (keys[0][0].clone(), keys[1][0].clone());
    Case { client: proxy.connect(), bad, good, _proxy: proxy, _fakes: fakes }
}

impl Case {
    /// Asks with the keys in the place of their names.
    fn ask(&mut self, request: &str) {
        let request = request.replace("BAD", &self.bad).replace("GOOD", &self.good);
        self.client.send(request.as_bytes());
    }

    #[track_caller]
    fn is_told(&mut self, request: &str, expected: &[u8]) {
        self.ask(request);
        for line in expected.split_inclusive(|byte| *byte == b'\n') {
            assert_same(request, &self.client.line(), line);
        }
    }

    #[track_caller]
    fn fails(&mut self, request: &str) {
        self.ask(request);
        assert_server_error(&self.client.line());
    }

    fn hit(&self) -> Vec<u8> {
        value(&self.good, 0, self.good.as_bytes())
    }
}

const WRITES: [&str; 8] = [
    "set BAD 0 0 1\r\nx\r\n",
    "append BAD 0 0 1\r\nx\r\n",
    "delete BAD\r\n",
    "incr BAD 1\r\n",
    "touch BAD 0\r\n",
    "ms BAD 1 q\r\nx\r\n",
    "md BAD q\r\n",
    "ma BAD q\r\n",
];

#[test]
fn miss_makes_a_failed_retrieval_a_miss_and_a_failed_write_an_error() {
    at_once(WAYS, |way| {
        let mut case = case(way, "miss");
        let (hit, miss) = ([case.hit(), b"END\r\n".to_vec()].concat(), b"END\r\n");
        for request in ["get BAD\r\n", "gets BAD\r\n", "gat 0 BAD\r\n", "gats 0 BAD\r\n"] {
            case.is_told(request, miss);
        }
        for request in ["get BAD GOOD\r\n", "get GOOD BAD\r\n", "get BAD GOOD BAD\r\n"] {
            case.is_told(request, &hit);
        }
        case.is_told("get BAD BAD\r\n", miss);
        case.is_told("gat 0 BAD BAD\r\n", miss);
        case.is_told("mg BAD v\r\n", b"EN\r\n");
        case.is_told("mg BAD v q\r\nmn\r\n", b"MN\r\n");
        for request in WRITES {
            case.fails(request);
        }
        case.client.expect_in_step();
    });
}

#[test]
fn error_keeps_the_hits_of_the_others_and_ends_in_one_line() {
    at_once(WAYS, |way| {
        let mut case = case(way, "error");
        let hit = case.hit();
        for request in
            ["get BAD\r\n", "gets BAD\r\n", "gat 0 BAD\r\n", "mg BAD v\r\n", "mg BAD q\r\n"]
        {
            case.fails(request);
        }
        for request in ["get BAD GOOD\r\n", "get GOOD BAD\r\n", "get BAD GOOD BAD\r\n"] {
            case.is_told(request, &hit);
            assert_server_error(&case.client.line());
        }
        case.fails("get BAD BAD\r\n");
        case.fails("gat 0 BAD BAD\r\n");
        for request in WRITES {
            case.fails(request);
        }
        case.ask("set BAD 0 0 1 noreply\r\nx\r\ndelete BAD noreply\r\nincr BAD 1 noreply\r\n");
        case.client.expect_in_step();
    });
}
