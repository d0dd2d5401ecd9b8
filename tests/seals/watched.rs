// Only a configuration in report mode makes it: nothing else lets a request go on as it came.
use ollama_gate_engine::{RequestStep, Watched};

fn main() {
    let _ = RequestStep::Watch(Watched { 0: () });
}
