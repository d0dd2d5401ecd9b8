//! Replays the traces of the wasm ring in wasmtime 26, the engine of Kong 3.9.
//!
//! Each call from outside is made in order. Each host call has to be the recorded one, with the
//! recorded arguments and the recorded bytes behind them, and gets the recorded answer; each call
//! has to return what it returned there. `replay.py` does the same with the engine of APISIX;
//! `sample/` holds the two to the same words.
//!
//! ```text
//! tests/wasm on wasmi ─► trace ─► replay ─► no difference, or the first of each instance
//! ```

pub mod instance;
pub mod program;
pub mod tally;
#[path = "../../wasm/src/trace.rs"]
pub mod trace;
pub mod wall;

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use instance::Instance;
use program::Program;
use tally::Tally;
use trace::Line;

/// Replays every trace in these lines; what follows a difference in one instance is passed over.
///
/// # Errors
/// When they are no traces.
pub fn replay(
    lines: impl BufRead,
    programs: &BTreeMap<String, Program>,
    tally: &mut Tally,
) -> io::Result<()> {
    let mut running: Option<Instance> = None;
    for line in lines.lines() {
        let ended = match serde_json::from_str(&line?)? {
            Line::Instance(about) => {
                let program = programs.get(&about.module);
                let program =
                    program.ok_or_else(|| io::Error::other("a module of another name"))?;
                tally.scenarios.insert(about.scenario.clone());
                tally.instances += 1;
                Instance::new(program, about, tally).map(|instance| running = Some(instance))
            }
            line => match &mut running {
                Some(instance) => instance.step(line, tally),
                None => Ok(()),
            },
        };
        if let Err(difference) = ended {
            tally.differences.push(difference);
            running = None;
        }
    }
    Ok(())
}
