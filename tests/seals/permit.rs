// Only `policy` makes a permit: nothing else can let a request go on.
use ollama_gate_engine::internals::{Caller, Permit};

fn main() {
    let _: Permit<'_, '_> = Permit {
        caller: Caller::Public,
    };
}
