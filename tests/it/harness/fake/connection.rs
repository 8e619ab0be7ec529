//! One connection of a fake backend.

use super::request::{Asked, take};
use super::{Act, Greeting, Shared};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Starts the two threads of a connection; they end with it.
pub(super) fn serve(socket: TcpStream, number: usize, greeting: Greeting, shared: &Arc<Shared>) {
    // Where the other side is gone already, its reader finds out.
    let _ = match greeting {
        Greeting::Serve => Ok(()),
        Greeting::Close => socket.shutdown(Shutdown::Both),
        Greeting::Speak(bytes) => (&socket).write_all(bytes),
        Greeting::SpeakAndClose(bytes) => {
            (&socket).write_all(bytes).and_then(|()| socket.shutdown(Shutdown::Both))
        }
    };
    let (requests, to_answer) = channel();
    let writer = socket.try_clone().expect("a second handle");
    let (reading, answering) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || read(socket, number, &reading, &requests));
    thread::spawn(move || answer_all(&writer, &to_answer, &answering));
}

/// Records what comes, and passes on each whole request.
fn read(mut socket: TcpStream, number: usize, shared: &Shared, requests: &Sender<(Asked, Act)>) {
    let mut pending = Vec::new();
    let mut place = 0;
    let mut piece = [0; 1 << 16];
    loop {
        let count = socket.read(&mut piece).unwrap_or(0);
        let mut state = shared.state.lock().expect("state");
        if count == 0 {
            state.connections[number].ended = true;
            return;
        }
        if state.remembers {
            state.connections[number].received.extend_from_slice(&piece[..count]);
        }
        pending.extend_from_slice(&piece[..count]);
        let plan = Arc::clone(&state.plan);
        while let Some(asked) = take(&mut pending, number, place) {
            place += 1;
            let act = plan(&asked);
            if state.remembers {
                state.asked.push(asked.clone());
            }
            // The other thread may have closed the connection meanwhile.
            let _ = requests.send((asked, act));
        }
    }
}

/// Answers in order, until the reader or a plan ends the connection.
fn answer_all(socket: &TcpStream, requests: &Receiver<(Asked, Act)>, shared: &Shared) {
    for (asked, act) in requests {
        let say = |bytes: &[u8]| { socket }.write_all(bytes);
        let answer = if matches!(act, Act::Say(_) | Act::Mute) {
            Some(Vec::new())
        } else {
            shared.store.lock().expect("store").answer(&asked)
        };
        let Some(answer) = answer else {
            break;
        };
        let said = match act {
            Act::Answer => say(&answer),
            Act::AnswerAnd(more) => say(&[&answer[..], more].concat()),
            Act::After(delay) => {
                thread::sleep(delay);
                say(&answer)
            }
            Act::Hold => {
                wait_for_release(shared, asked.keys());
                say(&answer)
            }
            Act::Mute => return,
            Act::Say(bytes) => say(&bytes),
            Act::CloseAfter(count) => {
                let _ = say(&answer[..count.min(answer.len())]);
                break;
            }
            Act::Trickle => answer.chunks(1).try_for_each(say),
        };
        if said.is_err() {
            break;
        }
    }
    // It may be closed already.
    let _ = socket.shutdown(Shutdown::Both);
}

fn wait_for_release(shared: &Shared, keys: usize) {
    let mut state = shared.state.lock().expect("state");
    while state.released < keys && !state.over {
        state = shared.changed.wait(state).expect("state");
    }
    state.released = state.released.saturating_sub(keys);
}
