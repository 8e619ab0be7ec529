//! Each kind of wrong reply is seen and named, wherever the bytes are cut; right ones pass.

use super::super::keyspace::KeyShape;
use super::*;

/// Five keys `k0` to `k4` with values of six bytes; requests for `keys` keys from `k1` on.
struct Fixture {
    keyspace: Keyspace,
    protocol: Protocol,
    asked: VecDeque<Asked>,
}

/// What a stream of replies came to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    mistakes: Vec<(Mistake, u64)>,
    unanswered: usize,
    lost: bool,
}

impl Fixture {
    fn new(protocol: Protocol, verb: Verb, keys: u32) -> Self {
        let shape = KeyShape { prefix: "k".into(), count: 5, bytes: 2..=2 };
        let keyspace = Keyspace::new(&shape, 6).expect("valid");
        let asked = |number| Asked { intended_ns: 0, first: 1, keys, number, verb };
        Self { keyspace, protocol, asked: (0..2).map(asked).collect() }
    }

    /// A right `VALUE` block.
    fn hit(&self, number: u32) -> Vec<u8> {
        let key = String::from_utf8_lossy(self.keyspace.key(number)).into_owned();
        self.block(&format!("VALUE {key} 0 6"), number)
    }

    /// Any header, and the right value of that key.
    fn block(&self, header: &str, number: u32) -> Vec<u8> {
        let (own, rest) = self.keyspace.value(number);
        [header.as_bytes(), b"\r\n", own, rest, b"\r\n"].concat()
    }

    /// Feeds the replies whole, byte by byte, and cut once at each place: all have to agree.
    fn outcome(&self, replies: &[&[u8]]) -> Outcome {
        let bytes = replies.concat();
        let whole = self.fed(&[&bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(self.fed(&single), whole, "byte by byte");
        for cut in 0..bytes.len() {
            assert_eq!(self.fed(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
        }
        whole
    }

    fn fed(&self, pieces: &[&[u8]]) -> Outcome {
        let rules = Rules::new(&self.keyspace, self.protocol);
        let (mut checker, mut tally) = (Checker::default(), Tally::new(false));
        let mut asked = self.asked.clone();
        let fed = pieces
            .iter()
            .try_for_each(|piece| checker.feed(piece, &rules, &mut asked, &mut tally, 1));
        Outcome {
            mistakes: tally.mistakes_made().collect(),
            unanswered: asked.len(),
            lost: fed.is_err(),
        }
    }
}

fn right() -> Outcome {
    Outcome { mistakes: Vec::new(), unanswered: 0, lost: false }
}

fn wrong(mistakes: &[(Mistake, u64)]) -> Outcome {
    Outcome { mistakes: mistakes.to_vec(), ..right() }
}

const END: &[u8] = b"END\r\n";

#[test]
fn right_replies_to_gets_pass() {
    let one = Fixture::new(Protocol::Text, Verb::Get, 1);
    assert_eq!(one.outcome(&[&one.hit(1), END, &one.hit(1), END]), right());
    let many = Fixture::new(Protocol::Text, Verb::Get, 3);
    let reply = [many.hit(1), many.hit(2), many.hit(3), END.to_vec()].concat();
    assert_eq!(many.outcome(&[&reply, &reply]), right());
}

#[test]
fn an_unfinished_reply_is_still_owed() {
    let f = Fixture::new(Protocol::Text, Verb::Get, 1);
    assert_eq!(f.outcome(&[&f.hit(1), END, &f.hit(1)]), Outcome { unanswered: 1, ..right() });
}

#[test]
fn keys_left_out_are_misses() {
    let one = Fixture::new(Protocol::Text, Verb::Get, 1);
    assert_eq!(one.outcome(&[END, &one.hit(1), END]), wrong(&[(Mistake::Miss, 1)]));
    let many = Fixture::new(Protocol::Text, Verb::Get, 3);
    assert_eq!(many.outcome(&[&many.hit(2), END, &many.hit(3), END]), wrong(&[(Mistake::Miss, 4)]));
}

#[test]
fn the_value_of_another_key_is_seen() {
    let f = Fixture::new(Protocol::Text, Verb::Get, 1);
    assert_eq!(f.outcome(&[&f.hit(2), END, &f.hit(1), END]), wrong(&[(Mistake::WrongKey, 1)]));
    let swapped = f.block("VALUE k1 0 6", 2);
    assert_eq!(f.outcome(&[&swapped, END, &f.hit(1), END]), wrong(&[(Mistake::WrongValue, 1)]));
}

#[test]
fn values_out_of_order_or_twice_are_seen() {
    let f = Fixture::new(Protocol::Text, Verb::Get, 2);
    let good = [f.hit(1), f.hit(2), END.to_vec()].concat();
    let swapped = [f.hit(2), f.hit(1), END.to_vec()].concat();
    let expected = wrong(&[(Mistake::Miss, 1), (Mistake::WrongOrder, 1)]);
    assert_eq!(f.outcome(&[&swapped, &good]), expected);
    let twice = [f.hit(1), f.hit(2), f.hit(2), END.to_vec()].concat();
    assert_eq!(f.outcome(&[&twice, &good]), wrong(&[(Mistake::WrongOrder, 1)]));
}

#[test]
fn a_wrong_length_or_flag_is_seen_and_the_next_reply_read_rightly() {
    let f = Fixture::new(Protocol::Text, Verb::Get, 1);
    let short = b"VALUE k1 0 2\r\nk1\r\nEND\r\n";
    assert_eq!(f.outcome(&[short, &f.hit(1), END]), wrong(&[(Mistake::WrongLength, 1)]));
    let empty = b"VALUE k1 0 0\r\n\r\nEND\r\n";
    assert_eq!(f.outcome(&[empty, &f.hit(1), END]), wrong(&[(Mistake::WrongLength, 1)]));
    let flagged = f.block("VALUE k1 7 6", 1);
    assert_eq!(f.outcome(&[&flagged, END, &f.hit(1), END]), wrong(&[(Mistake::WrongFlags, 1)]));
}

#[test]
fn an_error_line_ends_its_reply() {
    let f = Fixture::new(Protocol::Text, Verb::Get, 1);
    for line in [&b"ERROR\r\n"[..], b"SERVER_ERROR down\r\n", b"CLIENT_ERROR bad\r\n"] {
        assert_eq!(f.outcome(&[line, &f.hit(1), END]), wrong(&[(Mistake::ErrorLine, 1)]));
    }
    let many = Fixture::new(Protocol::Text, Verb::Get, 2);
    let halfway = [many.hit(1), b"SERVER_ERROR gone\r\n".to_vec()].concat();
    let good = [many.hit(1), many.hit(2), END.to_vec()].concat();
    assert_eq!(many.outcome(&[&halfway, &good]), wrong(&[(Mistake::ErrorLine, 1)]));
}

#[test]
fn what_is_no_reply_ends_the_connection() {
    let f = Fixture::new(Protocol::Text, Verb::Get, 1);
    let lost = |unanswered, kind| Outcome { mistakes: vec![(kind, 1)], unanswered, lost: true };
    assert_eq!(f.outcome(&[b"STORED\r\n"]), lost(2, Mistake::Unexpected));
    assert_eq!(f.outcome(&[b"END\n"]), lost(2, Mistake::Unexpected));
    assert_eq!(f.outcome(&[b"VALUE k1 0 x\r\n"]), lost(2, Mistake::Unexpected));
    let long = f.hit(1).repeat(2)[..f.hit(1).len() - 2].to_vec();
    assert_eq!(f.outcome(&[&long, b"XX"]), lost(2, Mistake::Unexpected));
    assert_eq!(f.outcome(&[&[b'V'; LINE_BYTES_MAX + 1]]).mistakes, [(Mistake::Unexpected, 1)]);
    let all = [f.hit(1), END.to_vec(), f.hit(1), END.to_vec()].concat();
    assert_eq!(f.outcome(&[&all, END]), lost(0, Mistake::Unasked));
}

#[test]
fn replies_to_sets_are_checked() {
    let f = Fixture::new(Protocol::Text, Verb::Set, 1);
    assert_eq!(f.outcome(&[b"STORED\r\nSTORED\r\n"]), right());
    assert_eq!(f.outcome(&[b"NOT_STORED\r\nSTORED\r\n"]), wrong(&[(Mistake::NotStored, 1)]));
    let too_large = b"SERVER_ERROR object too large for cache\r\nSTORED\r\n";
    assert_eq!(f.outcome(&[too_large]), wrong(&[(Mistake::ErrorLine, 1)]));
    assert!(f.outcome(&[END]).lost);
}

#[test]
fn meta_replies_have_to_carry_their_number() {
    let f = Fixture::new(Protocol::Meta, Verb::Get, 1);
    let (first, second) = (f.block("VA 6 O0", 1), f.block("VA 6 O1", 1));
    assert_eq!(f.outcome(&[&first, &second]), right());
    assert_eq!(f.outcome(&[&second, &second]), wrong(&[(Mistake::WrongOrder, 1)]));
    assert_eq!(f.outcome(&[b"EN\r\n", &second]), wrong(&[(Mistake::Miss, 1)]));
    assert_eq!(f.outcome(&[&f.block("VA 6 O0", 2), &second]), wrong(&[(Mistake::WrongValue, 1)]));
    assert_eq!(f.outcome(&[b"VA 2 O0\r\nk1\r\n", &second]), wrong(&[(Mistake::WrongLength, 1)]));
    assert!(f.outcome(&[b"HD O0\r\n"]).lost);
    let f = Fixture::new(Protocol::Meta, Verb::Set, 1);
    assert_eq!(f.outcome(&[b"HD O0\r\nHD O1\r\n"]), right());
    assert_eq!(f.outcome(&[b"HD O1\r\nHD O0\r\n"]), wrong(&[(Mistake::WrongOrder, 2)]));
    assert_eq!(f.outcome(&[b"NS O0\r\nHD O1\r\n"]), wrong(&[(Mistake::NotStored, 1)]));
    assert!(f.outcome(&[b"HD\r\n"]).lost);
}
