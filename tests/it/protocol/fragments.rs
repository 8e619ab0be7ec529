//! Requests arrive in any pieces, and any number at once: the answers are the same.

use crate::harness::client::Client;
use crate::harness::memcached::{Memcached, addresses};
use crate::harness::nodeproxy::Nodeproxy;
use crate::harness::random::Random;

/// Requests and their answers. The first sets everything right, so that it can be repeated.
const CONVERSATION: [(&[u8], &[u8]); 12] = [
    (b"set a 1 0 4\r\n\r\n\r\n\r\n", b"STORED\r\n"),
    (b"get a none\r\n", b"VALUE a 1 4\r\n\r\n\r\n\r\nEND\r\n"),
    (b"set bb 2 0 0\r\n\r\n", b"STORED\r\n"),
    (b"nonsense\r\n", b"ERROR\r\n"),
    (
        b"get bb a bb\n",
        b"VALUE bb 2 0\r\n\r\nVALUE a 1 4\r\n\r\n\r\n\r\nVALUE bb 2 0\r\n\r\nEND\r\n",
    ),
    (b"set c 0 0 5 noreply\r\nget a\r\n", b""),
    (b"append c 0 0 2\r\n\r\n\r\n", b"STORED\r\n"),
    (b"get c\r\n", b"VALUE c 0 7\r\nget a\r\n\r\nEND\r\n"),
    (b"delete a\r\n", b"DELETED\r\n"),
    (b"set n 0 0 2\r\n41\r\nincr n 1\r\n", b"STORED\r\n42\r\n"),
    (b"delete c noreply\r\nget c\r\n", b"END\r\n"),
    (b"touch a 0\r\n", b"NOT_FOUND\r\n"),
];

fn requests() -> Vec<u8> {
    CONVERSATION.iter().flat_map(|(request, _)| request.to_vec()).collect()
}

fn answers() -> Vec<u8> {
    CONVERSATION.iter().flat_map(|(_, answer)| answer.to_vec()).collect()
}

/// What has been answered when so many bytes of the requests have arrived, of whole entries only.
fn answered(arrived: usize) -> usize {
    let mut whole = 0;
    let done = CONVERSATION.iter().take_while(|(request, _)| {
        whole += request.len();
        whole <= arrived
    });
    done.map(|(_, answer)| answer.len()).sum()
}

fn in_front_of_four(links: usize) -> (Nodeproxy, Vec<Memcached>) {
    let memcacheds = Memcached::several(4);
    (Nodeproxy::before(&addresses(&memcacheds)).links(links).start(), memcacheds)
}

/// Sends up to each of these places in turn, and waits for what is answered there before it goes
/// on: the answer proves that the bytes before it have been read, so that the pieces are not joined
/// on the way.
fn in_pieces(client: &mut Client, places: &[usize]) {
    let (requests, answers) = (requests(), answers());
    let (mut sent, mut seen) = (0, 0);
    for place in places.iter().copied().chain([requests.len()]) {
        client.send(&requests[sent..place]);
        client.expect(&answers[seen..answered(place)]);
        (sent, seen) = (place, answered(place));
    }
}

#[test]
fn every_split_in_two() {
    let (proxy, _memcacheds) = in_front_of_four(1);
    let mut client = proxy.connect();
    for at in 0..requests().len() {
        in_pieces(&mut client, &[at]);
    }
    client.expect_in_step();
}

#[test]
fn every_split_in_three_of_a_storage_command_between_others() {
    let (proxy, _memcacheds) = in_front_of_four(1);
    let mut client = proxy.connect();
    let len = CONVERSATION[0].0.len();
    for first in 0..len {
        for second in first..len + CONVERSATION[1].0.len() {
            in_pieces(&mut client, &[first, second]);
        }
    }
    client.expect_in_step();
}

#[test]
fn byte_by_byte() {
    let (proxy, _memcacheds) = in_front_of_four(4);
    let mut client = proxy.connect();
    for _ in 0..10 {
        client.send_pieces(requests().chunks(1));
        client.expect(&answers());
    }
    client.expect_in_step();
}

#[test]
fn in_random_pieces_of_many_conversations() {
    let (proxy, _memcacheds) = in_front_of_four(4);
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let (requests, answers) = (requests().repeat(20), answers().repeat(20));
        let largest = 1 << random.below(10);
        let mut left = &requests[..];
        let mut pieces = Vec::new();
        while !left.is_empty() {
            let (piece, rest) = left.split_at(left.len().min(1 + random.below(largest)));
            pieces.push(piece);
            left = rest;
        }
        let mut client = proxy.connect();
        client.send_pieces(pieces);
        client.expect(&answers);
        client.expect_in_step();
    }
}

/// A value that needs a larger buffer than its first bytes: it was read only as far as that one
/// reached, and waited there for an event that had come already.
#[test]
fn a_value_longer_than_the_first_buffer_is_read_to_its_end() {
    let (proxy, _memcacheds) = in_front_of_four(1);
    let mut client = proxy.connect();
    for length in (10_000..200_000).step_by(7_001) {
        let value = "v".repeat(length);
        client.send(format!("set k 0 0 {length}\r\n{value}\r\nget k\r\n").as_bytes());
        client.expect(format!("STORED\r\nVALUE k 0 {length}\r\n{value}\r\nEND\r\n").as_bytes());
    }
}
