//! The whole core. Before honest backends each request of the fuzzer's client is answered exactly
//! once, in order, as its line says; before hostile ones, which say what the fuzzer wants and go
//! when it wants, a neighbour still gets one answer for each of its questions. In the end nothing
//! is still in use.
#![no_main]

mod oracle;
mod world;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use world::World;

#[derive(Debug, Arbitrary)]
enum Step {
    /// The fuzzer's client sends this.
    Say(Vec<u8>),
    /// The neighbour asks something.
    Ask,
    /// A backend answers so many requests, as it should.
    Answer(u8, u8),
    /// A backend says this instead.
    Babble(u8, Vec<u8>),
    /// A backend closes a link.
    HangUp(u8),
    /// Milliseconds pass.
    Wait(u16),
    /// A socket takes no more than so many bytes at once, from now on.
    Throttle(u16),
}

fuzz_target!(|input: (bool, u8, Vec<Step>)| {
    let (honest, links, steps) = input;
    let mut world = World::new(1 + usize::from(links % 3));
    for step in steps {
        match step {
            Step::Say(bytes) => world.say(&bytes),
            Step::Ask => world.ask(),
            Step::Answer(link, count) => world.answer(link.into(), count.into()),
            Step::Throttle(bytes) => world.throttle(bytes.into()),
            Step::Babble(link, bytes) if !honest => world.babble(link.into(), &bytes),
            Step::HangUp(link) if !honest => world.hang_up(link.into()),
            Step::Wait(ms) if !honest => world.wait(ms.into()),
            Step::Babble(..) | Step::HangUp(_) | Step::Wait(_) => {}
        }
        world.tick();
    }
    world.settle(honest);
    world.check_neighbour();
    // What statistics say is nothing that could be known here.
    if honest && !world.said().windows(5).any(|word| word == b"stats") {
        let expected = oracle::answers(world.said());
        assert_eq!(world.told().escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
    world.end();
});
